/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const hundredths = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const count = (value: number): string => whole.format(value);

export const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Hectares with as many digits as they are worth: 0.04, 10.9, 21,599. */
export function hectares(value: number | null): string {
  if (value === null) return "no area";
  const format = value < 10 ? hundredths : value < 1000 ? tenths : whole;
  return `${format.format(value)} ha`;
}

export function metres(value: number | null): string {
  if (value === null) return "unknown";
  return value < 10_000 ? `${whole.format(value)} m` : `${tenths.format(value / 1000)} km`;
}

export const percent = (value: number): string => `${whole.format(value * 100)}\u202f%`;

/** A share with one more digit where it is small. */
export const share = (value: number): string =>
  value > 0 && value < 0.01 ? `${hundredths.format(value * 100)}\u202f%` : percent(value);

export function day(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" }).format(date);
}

export function moment(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(date);
}

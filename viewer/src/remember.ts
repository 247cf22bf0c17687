/** The reviewer's name, kept in this browser. */
const KEY = "highwall.reviewer";

export function recall(): string | null {
  try {
    return localStorage.getItem(KEY) || null;
  } catch {
    return null; // a browser that keeps nothing
  }
}

export function remember(name: string): void {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // a browser that keeps nothing
  }
}

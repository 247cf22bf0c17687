// KaTeX lies beside this file; pages without formulas do not load it.
(() => {
  const formulas = document.querySelectorAll(".arithmatex");
  if (!formulas.length) return;
  const here = new URL("katex/", document.currentScript.src);
  const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("katex.min.css", here) });
  const script = Object.assign(document.createElement("script"), { src: new URL("katex.min.js", here) });
  script.addEventListener("load", () => {
    for (const formula of formulas) {
      const tex = formula.textContent.trim().slice(2, -2); // without \( \) or \[ \]
      katex.render(tex, formula, { displayMode: formula.tagName === "DIV", throwOnError: false });
    }
  });
  document.head.append(style, script);
})();

/* Light or dark: as the system has it, or as was chosen here. */

const dark = matchMedia("(prefers-color-scheme: dark)");

const own = () => (dark.matches ? "dark" : "light");
export const theme = () => localStorage.getItem("theme") ?? own();

function apply() {
  document.documentElement.dataset.theme = theme();
}

/* Have the other one. */
export function turn() {
  const other = theme() === "dark" ? "light" : "dark";
  if (other === own()) localStorage.removeItem("theme");
  else localStorage.setItem("theme", other);
  apply();
}

dark.addEventListener("change", apply);
apply();

/**
 * Light or dark: the person's choice, or the system's.
 *
 * The choice is a setting of the engine; the last one is kept in the browser's storage too, so that the first paint
 * is right. The root element always carries the resolved theme.
 */
export type ThemeChoice = "system" | "light" | "dark";

const KEY = "keepwell.theme";
const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
let choice: ThemeChoice = "system";

function paint(): void {
  const dark = choice === "dark" || (choice === "system" && systemDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

/** Shows a theme and remembers it for the next start. */
export function showTheme(next: ThemeChoice): void {
  choice = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Without storage the first paint of the next start follows the system.
  }
  paint();
}

/** To be called before the first render. */
export function startTheme(): void {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") choice = kept;
  } catch {
    choice = "system";
  }
  systemDark.addEventListener("change", paint);
  paint();
}

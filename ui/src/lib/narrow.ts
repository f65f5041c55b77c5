/** Whether the window is narrow: lists then leave out what can be seen elsewhere. The style sheets use the same width. */
import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 1000px)");

function watch(onChange: () => void): () => void {
  narrow.addEventListener("change", onChange);
  return () => narrow.removeEventListener("change", onChange);
}

export function useIsNarrow(): boolean {
  return useSyncExternalStore(watch, () => narrow.matches);
}

/** The time, shared by everything that shows a relative moment: one timer for the whole window. */
import { useSyncExternalStore } from "react";

const TICK_MS = 15_000;
let current = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const watchers = new Set<() => void>();

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  if (timer === undefined) {
    current = Date.now();
    timer = setInterval(() => {
      current = Date.now();
      watchers.forEach((tell) => tell());
    }, TICK_MS);
  }
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time in milliseconds, renewed every few seconds. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => current);
}

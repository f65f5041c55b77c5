/** Two folders of a host of its own, the pairs made of them, and a page that shows them. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test, type Page } from "@playwright/test";

import type { SyncPairSave } from "../../ui/src/api/generated/SyncPairSave";
import { openHost, type Host } from "./host";
import { watch } from "./window";

export const pictures = fileURLToPath(new URL("../../artifacts/screenshots/sync", import.meta.url));

export interface PairHost extends Host {
  laptop: string;
  stick: string;
  /** A third folder, made when it is asked for. */
  folder: (name: string) => string;
  newPair: (over?: Partial<SyncPairSave>) => Promise<string>;
  /** Runs a pair until it is over or waits for a person. */
  run: (pairId: string) => Promise<void>;
  /** Opens the window at a path; answers what must not happen, empty at the end of a test. */
  open: (page: Page, path: string) => Promise<string[]>;
}

export function write(root: string, name: string, content: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
}

export const read = (root: string, name: string): string => readFileSync(join(root, name), "utf8");

export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate((hash) => { window.location.hash = hash; }, path);
}

export async function openPairHost(): Promise<PairHost> {
  const host = await openHost();
  await host.call("firstRun.skip", {});
  const folder = (name: string) => {
    const path = join(host.home, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const laptop = folder("laptop");
  const stick = folder("stick");
  return {
    ...host,
    laptop,
    stick,
    folder,
    newPair: async (over = {}) => {
      const pair = await host.call("sync.pairSave", { name: "Papers", left: laptop, right: stick, mode: "twoWay", conflicts: "ask", ...over });
      return pair.id;
    },
    run: async (pairId) => {
      const { jobId } = await host.call("sync.run", { pairId, preview: false });
      await expect.poll(async () => (await host.call("job.get", { jobId })).state).toMatch(/succeeded|halted|failed/i);
    },
    open: async (page, path) => {
      const faults = watch(page);
      await page.goto(host.address);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await goTo(page, path);
      return faults;
    },
  };
}

/** The host of the test that runs, and its two folders: set before each test of a file that calls `eachOnPairHost`. */
export let host: PairHost;
export let laptop: string;
export let stick: string;

/** Gives every test of a file a host of its own. */
export function eachOnPairHost(): void {
  test.beforeEach(async () => {
    host = await openPairHost();
    ({ laptop, stick } = host);
  });
  test.afterEach(async () => {
    await host.stop();
  });
}

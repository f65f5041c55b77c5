/** What the tests ask of an open page: that it is accessible, and that nothing ran against its security policy. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { expect, type Page } from "@playwright/test";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Collects what must not happen: violations of the policy, errors of the page. To be called before the first page. */
export function watch(page: Page): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // An answer that is an error of the engine is logged by the browser too; the page shows it.
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) faults.push(`console: ${text}`);
  });
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol !== "data:" && protocol !== "blob:" && hostname !== "127.0.0.1") faults.push(`request elsewhere: ${request.url()}`);
  });
  return faults;
}

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Has axe look at the page as it is now. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  // Colours are judged when nothing moves any more. What was asked for a moment ago begins to move with the next frames:
  // so it is over only when two of them passed without anything moving.
  await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const moving = () => document.getAnimations().filter((animation) => animation.playState === "running" && animation.effect?.getComputedTiming().iterations !== Infinity);
    do {
      await Promise.allSettled(moving().map((animation) => animation.finished));
      await frame();
      await frame();
    } while (moving().length > 0);
  });
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: (root: Document) => Promise<{ violations: Violation[] }> } };
    return (await axe.run(document)).violations.map(({ id, nodes }) => ({ id, nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => ({ html, failureSummary })) }));
  });
  expect(violations, `${what} has barriers`).toEqual([]);
}

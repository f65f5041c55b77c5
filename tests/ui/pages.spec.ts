/** Every page in both themes and at two sizes: axe finds no barrier, and nothing runs against the security policy. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test, type Page } from "@playwright/test";

import { openFilledHost, openHost, type Host } from "./host";
import { expectAccessible, watch } from "./window";

const pictures = fileURLToPath(new URL("../../artifacts/screenshots/pages", import.meta.url));
type Filled = Awaited<ReturnType<typeof openFilledHost>>;

let filled: Filled;
let fresh: Host;

test.beforeAll(async () => {
  [filled, fresh] = await Promise.all([openFilledHost(), openHost()]);
});

test.afterAll(async () => {
  await Promise.all([filled.stop(), fresh.stop()]);
});

interface Look {
  name: string;
  host: () => Host;
  path: (host: Filled) => string;
  /** What tells that the page is there. */
  ready: (page: Page) => Promise<void>;
}

const heading = (name: string | RegExp) => (page: Page) => expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
const seen = (text: string | RegExp) => (page: Page) => expect(page.getByText(text).first()).toBeVisible();

const looks: Look[] = [
  { name: "welcome", host: () => fresh, path: () => "/welcome", ready: seen("What matters to you?") },
  { name: "backup-empty", host: () => fresh, path: () => "/backup", ready: seen("No plan yet") },
  { name: "activity-empty", host: () => fresh, path: () => "/activity", ready: seen("Nothing has run yet") },
  { name: "places-empty", host: () => fresh, path: () => "/places", ready: seen("No place yet") },
  { name: "backup", host: () => filled, path: () => "/backup", ready: seen("Everything that matters") },
  { name: "plan", host: () => filled, path: ({ planId }) => `/backup/${planId}`, ready: async (page) => { await page.getByRole("row", { name: /Documents/ }).click(); await seen("letters")(page); } },
  { name: "plan-search", host: () => filled, path: ({ planId }) => `/backup/${planId}?tab=search&q=ada`, ready: seen(/to-ada\.txt/) },
  { name: "plan-compare", host: () => filled, path: ({ planId }) => `/backup/${planId}?tab=compare`, ready: seen(/to-bo\.txt/) },
  { name: "plan-snapshots", host: () => filled, path: ({ planId }) => `/backup/${planId}?tab=snapshots`, ready: async (page) => expect(page.getByRole("row")).toHaveCount(3) },
  { name: "plan-runs", host: () => filled, path: ({ planId }) => `/backup/${planId}?tab=runs`, ready: seen("Done") },
  { name: "plan-edit", host: () => filled, path: ({ planId }) => `/backup/${planId}/edit`, ready: heading(/^Edit/) },
  { name: "plan-new", host: () => filled, path: () => "/backup/new", ready: heading("New plan") },
  { name: "activity", host: () => filled, path: () => "/activity", ready: seen("Done") },
  { name: "run", host: () => filled, path: ({ jobId }) => `/activity/${jobId}`, ready: seen("Signed by this device") },
  { name: "places", host: () => filled, path: () => "/places", ready: seen("2 snapshots") },
  { name: "place", host: () => filled, path: ({ placeId }) => `/places/${placeId}`, ready: seen("Documents") },
  { name: "place-about", host: () => filled, path: ({ placeId }) => `/places/${placeId}?view=about`, ready: seen("Recovery key") },
  { name: "place-add", host: () => filled, path: () => "/places/add", ready: heading("Add a place") },
  { name: "settings", host: () => filled, path: () => "/settings", ready: seen("Version") },
];

for (const theme of ["light", "dark"] as const) {
  for (const look of looks) {
    test(`${look.name}, ${theme}`, async ({ browser }) => {
      const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1200, height: 800 } });
      const page = await context.newPage();
      const faults = watch(page);
      const host = look.host();
      await page.goto(host.address);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await page.evaluate((path) => { window.location.hash = path; }, look.path(filled));
      await look.ready(page);
      await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
      await expectAccessible(page, `${look.name} (${theme})`);
      await page.screenshot({ path: join(pictures, `${look.name}-${theme}.png`) });
      await page.setViewportSize({ width: 900, height: 640 });
      await expectAccessible(page, `${look.name} (${theme}, small)`);
      await page.screenshot({ path: join(pictures, `${look.name}-${theme}-small.png`) });
      expect(faults).toEqual([]);
      await context.close();
    });
  }
}

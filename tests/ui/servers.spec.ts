/** Servers in the window, with a real OpenSSH: whether it is the right one is asked where it is met; second copies. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test, type Page } from "@playwright/test";

import { openFilledHost } from "./host";
import { goTo, openPairHost, write } from "./pairs";
import { startSshServer, type SshServer } from "./sshd";
import { expectAccessible, watch } from "./window";

const pictures = fileURLToPath(new URL("../../artifacts/screenshots/servers", import.meta.url));

async function accept(page: Page, server: SshServer): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Is 127.0.0.1 the right server?" });
  await expect(dialog.getByText(server.fingerprint())).toBeVisible();
  await dialog.getByRole("button", { name: "The fingerprint is right: accept" }).click();
  await expect(page.getByText("127.0.0.1 is accepted").first()).toBeVisible();
}

test("a place is made on a server once its key is accepted, and a changed key is refused loudly", async ({ page }) => {
  const host = await openPairHost();
  const server = await startSshServer(host.home);
  try {
    // What is refused on purpose shows in the browser's console.
    await host.open(page, "/places/add");
    await page.getByLabel("Folder", { exact: true }).fill(server.address("copies"));
    await expect(page.getByLabel("Account or access key")).toBeVisible();
    await page.screenshot({ path: join(pictures, "add-on-a-server.png") });
    await page.getByRole("button", { name: "Make the place" }).click();
    await page.getByRole("button", { name: "Look at this server…" }).click();
    await expect(page.getByText("Nobody has said so yet on this computer.", { exact: false })).toBeVisible();
    await expectAccessible(page, "the question about a server");
    await page.screenshot({ path: join(pictures, "question.png") });
    await page.getByRole("button", { name: "Do not accept" }).click();
    expect(existsSync(server.folder("copies"))).toBe(false);
    await page.getByRole("button", { name: "Look at this server…" }).click();
    await accept(page, server);
    // Without a second click: what was asked for is done.
    await expect(page.getByRole("heading", { name: /is ready$/ })).toBeVisible();
    expect(existsSync(join(server.folder("copies"), "repository"))).toBe(true);

    await page.getByRole("checkbox", { name: /^I have put the recovery key/ }).click();
    await page.getByRole("button", { name: "Done" }).click();

    const before = server.fingerprint();
    await server.changeKey();
    const places = await host.call("place.list", { health: false });
    await goTo(page, `/places/${places.places[0]?.id ?? ""}?view=about`);
    await expect(page.getByText("This may not be your server", { exact: false }).first()).toBeVisible();
    await expect(page.getByText(server.fingerprint()).first()).toBeVisible();
    await expect(page.getByRole("button", { name: "Look at this server…" })).toHaveCount(0);
    await expect(page.getByText("127.0.0.1 is accepted")).toHaveCount(0);
    await expectAccessible(page, "a server with another key");
    await page.screenshot({ path: join(pictures, "changed.png") });

    // The old key is forgotten only by who says that the new one was confirmed, and the new one is asked about then.
    const forget = page.getByRole("button", { name: "Forget the old key…" }).first();
    await forget.click();
    const dialog = page.getByRole("dialog", { name: "Forget the key of 127.0.0.1?" });
    await expect(dialog.getByText(server.fingerprint())).toBeVisible();
    await expect(dialog.getByText(before)).toBeVisible();
    const again = dialog.getByRole("button", { name: "Forget it and look again" });
    await expect(again).toBeDisabled();
    await expectAccessible(page, "forgetting a key");
    await page.emulateMedia({ colorScheme: "dark" });
    await expectAccessible(page, "forgetting a key, dark");
    await page.screenshot({ path: join(pictures, "forget-dark.png") });
    await page.emulateMedia({ colorScheme: "light" });
    // What the Enter key does at once is to leave everything as it is.
    await page.keyboard.press("Enter");
    await expect(dialog).toHaveCount(0);
    await forget.click();
    await dialog.getByRole("checkbox", { name: /^Its keeper has confirmed/ }).click();
    await page.screenshot({ path: join(pictures, "forget.png") });
    await again.click();
    await expect(page.getByText("The old key of 127.0.0.1 is forgotten")).toBeVisible();
    await page.getByRole("button", { name: "Look at this server…" }).first().click();
    await accept(page, server);
    await expect(page.getByText("This may not be your server", { exact: false })).toHaveCount(0);
  } finally {
    await host.stop();
    await server.stop();
  }
});

test("a pair with a server asks about it in the wizard, and goes on from there", async ({ page }) => {
  const host = await openPairHost();
  const server = await startSshServer(host.home);
  try {
    write(host.laptop, "letter.txt", "Dear Ada\n");
    mkdirSync(server.folder("far"));
    await host.open(page, "/sync/new");
    await page.getByLabel("First place").fill(host.laptop);
    await page.getByLabel("Second place").fill(server.address("far"));
    await page.screenshot({ path: join(pictures, "wizard-with-a-server.png") });
    for (let step = 0; step < 3; step += 1) await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: "Save and see what would happen" }).click();
    await page.getByRole("button", { name: "Look at this server…" }).first().click();
    await page.screenshot({ path: join(pictures, "wizard-question.png") });
    await accept(page, server);
    await expect(page.getByRole("grid", { name: "Planned changes" }).getByRole("row", { name: /letter\.txt/ })).toBeVisible();
    await page.getByRole("button", { name: /^Apply/ }).click();
    await expect.poll(() => existsSync(join(server.folder("far"), "letter.txt"))).toBe(true);
  } finally {
    await host.stop();
    await server.stop();
  }
});

test("a second copy is made on a server, proven, and mended", async ({ page }) => {
  const host = await openFilledHost();
  const server = await startSshServer(host.home);
  try {
    watch(page);
    await page.goto(host.address);
    await goTo(page, `/places/${host.placeId}?view=about`);
    await expect(page.getByText("There is no second copy.", { exact: false })).toBeVisible();
    await page.getByRole("button", { name: "Keep a second copy" }).click();
    await page.getByLabel("Where", { exact: true }).fill(server.address("second"));
    await page.getByRole("radio", { name: "Only when you say so" }).click();
    await expectAccessible(page, "a new second copy");
    await page.screenshot({ path: join(pictures, "second-copy.png") });
    await page.getByRole("button", { name: "Make the second copy now" }).click();
    // The run meets a server nobody accepted.
    await page.getByRole("button", { name: "Look at this server…" }).click();
    await accept(page, server);
    await expect(page.getByText("Files copied and read back").first()).toBeVisible();
    await expect(page.getByText("Done").first()).toBeVisible();
    expect(existsSync(join(server.folder("second"), "repository"))).toBe(true);

    await goTo(page, `/places/${host.placeId}?view=about`);
    const copies = page.getByRole("list", { name: "Second copies" });
    await expect(copies.getByText("Proven the same", { exact: false })).toBeVisible();
    await expectAccessible(page, "second copies of a place");
    await page.screenshot({ path: join(pictures, "second-copies.png") });

    const packs = join(server.folder("second"), "packs");
    const first = readdirSync(packs)[0] ?? "";
    const name = readdirSync(join(packs, first))[0] ?? "";
    const damaged = join(packs, first, name);
    const bytes = readFileSync(damaged);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(damaged, bytes);
    await copies.getByRole("button", { name: /^More actions for the copy in/ }).click();
    await page.getByRole("menuitem", { name: "Read everything and compare" }).click();
    await expect(page.getByText("Damaged files of the copy mended").first()).toBeVisible();
    expect(readFileSync(damaged).equals(bytes)).toBe(false);
  } finally {
    await host.stop();
    await server.stop();
  }
});

/** The way of a new user: three questions, a first backup, a broken file, and yesterday's version brought back. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { openHost, type Host } from "./host";
import { expectAccessible, watch } from "./window";

test.describe.configure({ mode: "serial" });

let host: Host;
let page: Page;
let faults: string[];
let letter: string;

test.beforeAll(async ({ browser }) => {
  host = await openHost();
  page = await (await browser.newContext({ viewport: { width: 1200, height: 800 } })).newPage();
  faults = watch(page);
  letter = join(host.documents, "letters", "to-ada.txt");
});

test.afterAll(async () => {
  await page.context().close();
  await host.stop();
});

test("the first start asks three questions and then a backup runs", async () => {
  await page.goto(host.address);
  expect(page.url()).not.toContain("token");
  await expect(page.getByRole("heading", { name: "What matters to you?" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: /Documents/ })).toBeChecked();
  await page.getByRole("button", { name: "Continue" }).click();

  await page.getByRole("radio", { name: /Another folder/ }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Choose where copies may go.")).toBeVisible();
  await page.getByLabel("Folder for the copies").fill(host.copies);
  await expectAccessible(page, "the second question");
  await page.getByRole("button", { name: "Continue" }).click();

  await page.getByRole("radio", { name: /Only when I say so/ }).click();
  await page.getByRole("checkbox", { name: /my own password/ }).click();
  await page.getByLabel("Password for the copies").fill("a long enough password");
  await page.getByLabel("The same password again").fill("another one");
  await page.getByRole("button", { name: "Start the first backup" }).click();
  await expect(page.getByText("The two passwords are not the same.")).toBeVisible();
  await page.getByLabel("The same password again").fill("a long enough password");
  await page.getByRole("button", { name: "Start the first backup" }).click();

  await expect(page.getByText("Your first backup is done")).toBeVisible();
  await expect(page.getByTestId("recovery-key")).not.toBeEmpty();
  await expectAccessible(page, "the recovery key");
  await expect(page.getByRole("button", { name: "Go to my backup" })).toBeDisabled();
  await page.getByRole("link", { name: "Activity" }).first().click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByTestId("recovery-key")).not.toBeEmpty();
  await page.getByRole("checkbox", { name: /safe place/ }).click();
  await page.getByRole("button", { name: "Go to my backup" }).click();
  await expect(page.getByRole("grid", { name: "Files in this folder" })).toBeVisible();
});

test("a file is previewed, and every version of it is listed", async () => {
  writeFileSync(letter, "broken");
  await page.getByRole("button", { name: "Back up now" }).click();
  await page.getByRole("tab", { name: /Snapshots/ }).click();
  await expect(page.getByRole("grid", { name: /Snapshots/ }).getByRole("row")).toHaveCount(3);
  await page.getByRole("tab", { name: "Files" }).click();
  await openLetters();
  await page.getByRole("row", { name: /to-ada\.txt/ }).getByText("to-ada.txt", { exact: true }).click();
  const panel = page.getByRole("complementary", { name: "About this file" });
  await expect(panel.getByText("broken")).toBeVisible();
  await expect(panel.getByRole("listitem")).toHaveCount(2);
  await panel.getByRole("button", { name: /^Show the version/ }).click();
  await expect(panel.getByText("the roof is mended")).toBeVisible();
  await expectAccessible(page, "a file's panel");
  await panel.getByRole("button", { name: "Close" }).click();
});

test("what bringing back does is shown first, and then done exactly so", async () => {
  // The older snapshot is shown since the older version was looked at.
  await page.getByRole("checkbox", { name: /Choose to-ada\.txt/ }).click();
  await page.getByRole("button", { name: /Bring back 1 chosen/ }).click();
  await expect(page.getByRole("row", { name: /^Replaced 1$/ })).toBeVisible();
  await expect(page.getByRole("grid", { name: "Every step" }).getByText("to-ada.txt")).toBeVisible();
  await page.getByRole("radio", { name: /Keep the one that is there/ }).click();
  await expect(page.getByRole("row", { name: /^Replaced 0$/ })).toBeVisible();
  expect(readFileSync(letter, "utf8")).toBe("broken");
  await page.getByRole("radio", { name: /Replace it if it is different/ }).click();
  await expect(page.getByRole("row", { name: /^Replaced 1$/ })).toBeVisible();
  await expectAccessible(page, "bring back");
  await page.getByRole("button", { name: /^Bring back \d+ item/ }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Bring back and replace" }).click();
  await expect(page.getByText("Signed by this device")).toBeVisible();
  expect(readFileSync(letter, "utf8")).toBe("Dear Ada,\nthe roof is mended and the well is full.\n");
});

test("into another folder nothing that is there is touched", async () => {
  writeFileSync(letter, "mine now");
  const elsewhere = join(host.home, "elsewhere");
  await page.getByRole("link", { name: "Backup", exact: true }).first().click();
  await page.getByRole("heading", { level: 2 }).getByRole("link").first().click();
  await page.getByRole("button", { name: "Bring back everything…" }).click();
  await page.getByRole("radio", { name: /Another folder/ }).click();
  await expect(page.getByText("Choose a folder to see what would happen.")).toBeVisible();
  await page.getByLabel("Folder", { exact: true }).fill(elsewhere);
  await page.getByRole("button", { name: /^Bring back \d+ item/ }).click();
  await expect(page.getByText("Signed by this device")).toBeVisible();
  expect(readFileSync(letter, "utf8")).toBe("mine now");
  expect(existsSync(elsewhere)).toBe(true);
});

test("a deleted file is found by searching, and a place is checked", async () => {
  rmSync(join(host.documents, "letters", "blåbær 100%.txt"));
  const { plans } = await host.call("plan.list", {});
  const { jobId } = await host.call("plan.run", { planId: plans[0]?.id ?? "" });
  expect(await host.finished(jobId)).toBe("succeeded");

  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("blåbær");
  await expect(page.getByRole("option", { name: /100%\.txt.*not in the newest snapshot/ })).toBeVisible();
  await expectAccessible(page, "the palette");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "About this file" }).getByText("A name beyond ASCII.")).toBeVisible();

  await page.getByRole("link", { name: "Places" }).first().click();
  await page.getByRole("button", { name: "Check now" }).click();
  await page.getByRole("radio", { name: /Full/ }).click();
  await page.getByRole("button", { name: "Start the check" }).click();
  await expect(page.getByText("Signed by this device")).toBeVisible();
});

test("a repository is forgotten and added again with its password", async () => {
  await page.getByRole("link", { name: "Backup", exact: true }).first().click();
  await page.getByRole("button", { name: /More actions/ }).click();
  await page.getByRole("menuitem", { name: "Remove plan" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove plan" }).click();
  await expect(page.getByText("No plan yet")).toBeVisible();

  await page.getByRole("link", { name: "Places" }).first().click();
  await page.getByRole("button", { name: /More actions/ }).click();
  await page.getByRole("menuitem", { name: "Forget" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Forget" }).click();
  await expect(page.getByText("No place yet")).toBeVisible();
  expect(existsSync(host.copies)).toBe(true);

  await page.getByRole("link", { name: "Add a place" }).click();
  await page.getByRole("radio", { name: /An existing repository/ }).click();
  await page.getByLabel("Folder", { exact: true }).fill(host.copies);
  await page.getByLabel("Password or recovery key").fill("not the password");
  await page.getByRole("button", { name: "Add the place" }).click();
  await expect(page.getByText("it only can not be opened with this password")).toBeVisible();
  await page.getByLabel("Password or recovery key").fill("a long enough password");
  await page.getByRole("button", { name: "Add the place" }).click();
  await expect(page.getByRole("grid", { name: "Files in this folder" })).toBeVisible();
});

test("nothing ran against the security policy or failed unseen", () => {
  expect(faults).toEqual([]);
});

async function openLetters(): Promise<void> {
  // Browsing begins in the folder that holds everything that was backed up.
  const documents = page.getByRole("row", { name: /Documents/ });
  const letters = page.getByRole("row", { name: /letters/ });
  await expect(documents.or(letters).first()).toBeVisible();
  if (await documents.isVisible()) await documents.getByText("Documents", { exact: true }).click();
  await letters.getByText("letters", { exact: true }).click();
}

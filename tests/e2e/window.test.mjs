// The way of a new user, in the real window: three questions, a first backup that is seen running, a file that
// breaks, and yesterday's version brought back. What is claimed is checked on the disk, past Keepwell.
//
// One story in order: each part begins where the one before ended. Pictures of every page, in both themes, are kept
// in artifacts/screenshots. Deliberately not here: what one page does in detail (tests/ui does that in Chromium).
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { closeSession, openSession, screenPicture, secretsItems } from "./session.mjs";
import { Window } from "./webdriver.mjs";

const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const artifacts = join(project, "artifacts");
const pictures = join(artifacts, "screenshots", "window");

const letter = "Dear Ada,\nthe roof is mended and the well is full.\n";
/** Enough that the first backup can be seen running, and that nothing shrinks it. */
const bulkFiles = 40;
const bulkFileBytes = 8 * 1024 * 1024;

let session;
let window;
let documents;
let copies;

before(async () => {
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures, { recursive: true });
  session = await openSession();
  documents = join(session.home, "Documents");
  copies = join(session.root, "usb-drive", "keepwell");
  mkdirSync(join(documents, "letters"), { recursive: true });
  mkdirSync(join(documents, "films"));
  mkdirSync(dirname(copies));
  writeFileSync(join(documents, "letters", "to-ada.txt"), letter);
  writeFileSync(join(documents, "letters", "blåbær 100%.txt"), "A name beyond ASCII.\n");
  for (let index = 0; index < bulkFiles; index += 1) {
    writeFileSync(join(documents, "films", `film-${index}.bin`), randomBytes(bulkFileBytes));
  }
  window = await Window.open(session.port, process.env.KEEPWELL_DESKTOP_BIN);
});

after(async () => {
  await window?.close();
  await closeSession(session, join(artifacts, "logs"));
});

/** Runs a part of the story; a failing one leaves a picture and the page's text behind. */
function part(name, work) {
  test(name, async () => {
    try {
      await work();
    } catch (error) {
      await window?.picture(join(pictures, `failed-${name.replaceAll(/\W+/g, "-")}.png`)).catch(() => {});
      const seen = await window?.text().catch(() => "");
      if (seen) error.message += `\n--- the page says\n${seen}\n---`;
      throw error;
    }
  });
}

async function picture(name) {
  await window.picture(join(pictures, `${name}.png`));
}

part("the first start asks three questions", async () => {
  await window.see(/Welcome to Keepwell/);
  await window.see(/What matters to you\?/);
  await watchPolicy();
  await picture("01-what-matters");
  await window.choose("checkbox", /^Documents/);
  await window.click("button", "Continue");

  await window.see(/Where may copies go\?/);
  await window.choose("radio", /^Another folder/);
  await window.write("field", "Folder for the copies", copies);
  await picture("02-where");
  await window.click("button", "Continue");

  await window.see(/How often\?/);
  await window.choose("radio", /^Only when I say so/);
  await picture("03-how-often");
});

part("the first backup is seen running, and ends", async () => {
  await window.click("button", "Start the first backup");
  await window.see(/Your first backup is (running|done)/);
  const seen = new Set();
  await window.until("its numbers grow while it runs", async () => {
    const numbers = await window.run(`() => document.querySelector("section[aria-label^='Progress of']")?.innerText ?? null`);
    if (numbers !== null && /\d+ of \d+/.test(numbers)) seen.add(numbers);
    if (seen.size === 2) await picture("04-running");
    return seen.size > 2;
  });
  await window.see(/Your first backup is done/, 120_000);
  await window.choose("checkbox", /^I have put the recovery key in a safe place/);
  await picture("05-done");
  await window.click("button", /^Go to my backup/);
  await window.see(/Documents/);
});

part("the password is in the system's keyring, the copies on the disk are sealed", async () => {
  assert.ok(secretsItems(session.env) > 0, "the secret service holds the repository's password");
  const files = readdirSync(copies, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.length > 0, "the repository is in the folder that was named");
  for (const entry of files) {
    const stored = readFileSync(join(entry.parentPath, entry.name));
    assert.ok(!stored.includes("the roof is mended"), `${entry.name} does not hold plain text`);
  }
});

part("a broken file is brought back as it was", async () => {
  const file = join(documents, "letters", "to-ada.txt");
  writeFileSync(file, "broken");
  const untouched = readFileSync(join(documents, "films", "film-0.bin"));

  await openLetters();
  await picture("06-browse");
  await window.choose("checkbox", /to-ada\.txt/);
  await window.click("button", /^Bring back 1 chosen/);
  await window.choose("radio", /^Where it was/);
  await window.choose("radio", /^Replace it if it is different/);
  await window.see(/What will happen/);
  await window.see(/to-ada\.txt/);
  await picture("07-preview");
  await window.click("button", /^Bring back 1 item/);
  await window.click("button", "Bring back and replace");
  await window.until("the letter is back", () => readFileSync(file, "utf8") === letter);
  await window.see(/Done/);
  await picture("08-brought-back");

  assert.equal(readFileSync(file, "utf8"), letter);
  assert.deepEqual(readFileSync(join(documents, "films", "film-0.bin")), untouched);
});

part("both runs are in the history, with a receipt", async () => {
  await window.click("link", "Activity");
  await window.find("row", /Done.*Bring back/);
  await window.find("row", /Done.*Backup/);
  await picture("09-activity");
});

part("light and dark, and every page of the rail", async () => {
  for (const theme of ["Light", "Dark"]) {
    await window.click("link", "Settings");
    await window.choose("radio", theme);
    await window.until(`the page is ${theme}`, () =>
      window.run(`(theme) => document.documentElement.dataset.theme === theme`, theme.toLowerCase()),
    );
    for (const page of ["Backup", "Activity", "Places", "Settings"]) {
      await window.click("link", page);
      await window.find("heading", page);
      await picture(`${page.toLowerCase()}-${theme.toLowerCase()}`);
    }
    await openLetters();
    await window.click("row", /to-ada\.txt/);
    await window.see(/Every version of this file/);
    await picture(`file-${theme.toLowerCase()}`);
  }
  screenPicture(session.env, join(pictures, "screen.png"));
  assert.deepEqual(await window.run("() => globalThis.policyViolations"), [], "nothing ran against the security policy");
});

part("the state is where KEEPWELL_HOME says, and nowhere else", async () => {
  assert.ok(existsSync(session.env.KEEPWELL_HOME));
  for (const stray of [join(session.root, "data", "keepwell"), join(session.home, ".keepwell"), join(session.home, ".local", "share", "keepwell")]) {
    assert.ok(!existsSync(stray), `${stray} was not made`);
  }
});

/** Collects what the page's security policy stops from now on. */
function watchPolicy() {
  return window.run(`() => {
    globalThis.policyViolations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.policyViolations.push(event.violatedDirective + " " + event.blockedURI);
    });
  }`);
}

/** From the rail into the folder of the letters, as the newest snapshot has it. */
async function openLetters() {
  await window.click("link", "Backup");
  await window.click("link", "Documents");
  await window.click("row", /letters/);
  await window.find("checkbox", /to-ada\.txt/);
}

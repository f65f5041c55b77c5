// The way of a new user, in the real window: three questions, a first backup that is seen running, a file that
// breaks, and yesterday's version brought back. What is claimed is checked on the disk, past Keepwell.
//
// One story in order: each part says what it builds on, and is not tried where that failed. Nothing hangs on the speed
// of the machine: the first backup is slowed down by the setting a person has for it, and what the page showed of it
// is written down in the page itself. Pictures of every page, in both themes, are kept in artifacts/screenshots.
// Deliberately not here: what one page does in detail (tests/ui does that in Chromium).
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
/** What nothing shrinks; together with the limit it makes the first backup last some seconds on any machine. */
const bulkFiles = 40;
const bulkFileBytes = 2 * 1024 * 1024;
const limitMegabytes = "8";

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

const failed = new Set();

/** Runs a part of the story; a failing one leaves a picture and the page's text behind. */
function part(name, buildsOn, work) {
  test(name, async () => {
    const lacking = buildsOn.filter((before) => failed.has(before));
    try {
      if (lacking.length > 0) throw new Error(`not tried, because this failed: ${lacking.join(", ")}`);
      await work();
    } catch (error) {
      failed.add(name);
      if (lacking.length > 0) throw error;
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

const limit = "a limit for writing is kept";
const questions = "the first start asks three questions";
const running = "the first backup is seen running";
const done = "the first backup ends";

part(limit, [], async () => {
  await window.see(/Welcome to Keepwell/);
  await watchPolicy();
  await window.click("link", "Settings");
  await window.write("field", "Write at most (MB a second)", limitMegabytes);
  // Leaving the field saves it; what is seen after coming back is what was kept.
  await window.click("link", "Backup");
  await window.until("the limit is kept", async () => {
    await window.click("link", "Settings");
    if ((await window.valueOf("Write at most (MB a second)")) === limitMegabytes) return true;
    await window.click("link", "Backup");
    return false;
  });
  await window.click("link", "Backup");
  await window.click("link", "Answer three questions");
});

part(questions, [limit], async () => {
  await window.see(/What matters to you\?/);
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

part(running, [questions], async () => {
  await watchProgress();
  await window.click("button", "Start the first backup");
  await window.see(/Your first backup is running/);
  await window.until("its numbers are there", async () => (await progressSeen()).length > 0);
  await picture("04-running");
  await window.until("its numbers grew while it ran", async () => (await progressSeen()).length > 2, 120_000);
});

part(done, [questions], async () => {
  await window.see(/Your first backup is done/, 120_000);
  await window.choose("checkbox", /^I have put the recovery key in a safe place/);
  await picture("05-done");
  await window.click("button", /^Go to my backup/);
  await window.see(/Documents/);
});

part("the password is in the system's keyring, the copies on the disk are sealed", [done], async () => {
  assert.ok(secretsItems(session.env) > 0, "the secret service holds the repository's password");
  const files = readdirSync(copies, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.length > 0, "the repository is in the folder that was named");
  for (const entry of files) {
    const stored = readFileSync(join(entry.parentPath, entry.name));
    assert.ok(!stored.includes("the roof is mended"), `${entry.name} does not hold plain text`);
  }
});

const broughtBack = "a broken file is brought back as it was";

part(broughtBack, [done], async () => {
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

part("both runs are in the history, with a receipt", [broughtBack], async () => {
  await window.click("link", "Activity");
  await window.find("row", /Done.*Bring back/);
  await window.find("row", /Done.*Backup/);
  await picture("09-activity");
});

const synced = "two folders are made a pair, looked at and kept the same";
const conflict = "a conflict is decided, and the files are as the button said";

part(synced, [limit], async () => {
  const [notes, stick] = [join(session.home, "notes"), join(session.root, "usb-drive", "notes on the stick")];
  mkdirSync(join(notes, "garden"), { recursive: true });
  mkdirSync(stick, { recursive: true });
  writeFileSync(join(notes, "garden", "beans.txt"), "Beans in May.\n");
  writeFileSync(join(stick, "roof.txt"), "The roof in June.\n");
  await window.click("link", "Sync");
  await window.click("link", "New pair");
  await window.write("field", "First place", notes);
  await window.write("field", "Second place", stick);
  await window.click("button", "Continue");
  await window.see(/Which way do changes go\?/);
  await window.click("button", "Continue");
  await window.see(/What is left out\?/);
  await window.click("button", "Continue");
  await window.see(/When does it run\?/);
  await picture("10-pair");
  await window.click("button", "Save and see what would happen");
  await window.see(/beans\.txt/);
  await picture("11-plan");
  assert.ok(!existsSync(join(stick, "garden")), "looking changes nothing");
  await window.click("button", /^Apply \d+ changes/);
  await window.until("both folders hold both", () => existsSync(join(stick, "garden", "beans.txt")) && existsSync(join(notes, "roof.txt")));
  await window.see(/In step, checked/);
  await picture("12-in-step");
});

part(conflict, [synced], async () => {
  const [notes, stick] = [join(session.home, "notes"), join(session.root, "usb-drive", "notes on the stick")];
  writeFileSync(join(notes, "roof.txt"), "The roof in July, says the laptop.\n");
  writeFileSync(join(stick, "roof.txt"), "The roof is mended, says the stick.\n");
  await window.click("button", "Sync now");
  await window.see(/Waits for your decision: 1 conflict/);
  await window.click("tab", /^Conflicts/);
  await window.click("row", /roof\.txt/);
  await window.see(/says the stick/);
  await window.see(/says the laptop/);
  await picture("13-conflict");
  await window.click("button", "Keep the one from notes on the stick");
  await window.until("the chosen version is in both", () => readFileSync(join(notes, "roof.txt"), "utf8").includes("says the stick"));
  assert.ok(readFileSync(join(stick, "roof.txt"), "utf8").includes("says the stick"));
  const bin = readdirSync(join(notes, ".keepwell", "bin"), { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
  assert.ok(bin.some((item) => readFileSync(join(item.parentPath, item.name), "utf8").includes("says the laptop")), "the other one is in the bin of its place");
  await window.see(/No conflict waits/);
});

part("light and dark, and every page of the rail", [done], async () => {
  for (const theme of ["Light", "Dark"]) {
    await window.click("link", "Settings");
    await window.choose("radio", theme);
    await window.until(`the page is ${theme}`, () =>
      window.run(`(theme) => document.documentElement.dataset.theme === theme`, theme.toLowerCase()),
    );
    for (const page of ["Backup", "Sync", "Activity", "Places", "Settings"]) {
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

part("the state is where KEEPWELL_HOME says, and nowhere else", [], async () => {
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

/** Writes down, from now on, every different picture the page gives of how far a job is. Time that passes is no news. */
function watchProgress() {
  return window.run(`() => {
    globalThis.progressSeen = new Set();
    new MutationObserver(() => {
      const parts = document.querySelectorAll("section[aria-label^='Progress of'] p > span");
      const counts = [...parts].map((part) => part.innerText).filter((text) => /\\d of |written/.test(text));
      if (counts.length > 0) globalThis.progressSeen.add(counts.join(", "));
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  }`);
}

function progressSeen() {
  return window.run("() => [...globalThis.progressSeen]");
}

/** From the rail into the folder of the letters, as the newest snapshot has it. */
async function openLetters() {
  await window.click("link", "Backup");
  await window.click("link", "Documents");
  await window.click("row", /letters/);
  await window.find("checkbox", /to-ada\.txt/);
}

// A desktop session of its own for the test: a display, a session bus, a keyring that is open, a WebDriver, and a
// home folder that nobody else uses. Everything ends with the test.
//
// Invariant: nothing of the person's who runs the test is read or written; the keyring is a real secret service.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const children = [];

const fonts = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>sans</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
</fontconfig>
`;

/** Starts a program that runs as long as the test. What it says goes to a file in the artifacts. */
function start(name, command, args, options) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => said.push(data));
  child.on("error", (error) => said.push(Buffer.from(`${command}: ${error.message}\n`)));
  children.push({ name, child, said });
  return child;
}

/** A port nobody listens on. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts a display; answers its name. Xvfb chooses a free number and says it on the given descriptor. */
function startDisplay() {
  return new Promise((resolve, reject) => {
    const child = start("display", "Xvfb", ["-displayfd", "3", "-screen", "0", "1440x960x24", "-nolisten", "tcp"], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    child.on("error", reject);
    child.on("close", () => reject(new Error("the display ended at once")));
    child.stdio[3].once("data", (data) => resolve(`:${String(data).trim()}`));
  });
}

/** Opens a keyring the way a login does; answers when the secret service is on the bus. */
async function startKeyring(env) {
  const child = start("keyring", "gnome-keyring-daemon", ["--foreground", "--unlock", "--components=secrets"], { env });
  child.stdin.end("a password of this test alone");
  for (let attempt = 0; attempt < 100; attempt += 1) {
    // Asking for the service itself would make the bus start a second, locked one.
    if (serviceIsOwned(env) && secretsItems(env) !== null) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the secret service does not answer");
}

function serviceIsOwned(env) {
  const question = ["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"];
  const answer = spawnSync("dbus-send", [...question, "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"], { env, encoding: "utf8" });
  return answer.stdout.includes("boolean true");
}

/** How many secrets the keyring holds; `null` while it does not answer. Asked over the bus, past Keepwell. */
export function secretsItems(env) {
  const answer = spawnSync(
    "dbus-send",
    [
      "--session",
      "--print-reply",
      "--dest=org.freedesktop.secrets",
      "/org/freedesktop/secrets/collection/login",
      "org.freedesktop.DBus.Properties.Get",
      "string:org.freedesktop.Secret.Collection",
      "string:Items",
    ],
    { env, encoding: "utf8" },
  );
  return answer.status === 0 ? (answer.stdout.match(/object path "/g) ?? []).length : null;
}

/** Opens the session. To be called under dbus-run-session, which gives the bus. */
export async function openSession() {
  const root = mkdtempSync(join(tmpdir(), "keepwell-window-"));
  const home = join(root, "home");
  const runtime = join(root, "run");
  mkdirSync(home);
  mkdirSync(runtime, { mode: 0o700 });
  // The font that GNOME comes with today; without a desktop it would be whatever fontconfig finds first.
  mkdirSync(join(root, "config", "fontconfig"), { recursive: true });
  writeFileSync(join(root, "config", "fontconfig", "fonts.conf"), fonts);
  const env = {
    PATH: process.env.PATH,
    LANG: "C.UTF-8",
    DBUS_SESSION_BUS_ADDRESS: process.env.DBUS_SESSION_BUS_ADDRESS,
    HOME: home,
    XDG_RUNTIME_DIR: runtime,
    XDG_CACHE_HOME: join(root, "cache"),
    XDG_CONFIG_HOME: join(root, "config"),
    XDG_DATA_HOME: join(root, "data"),
    KEEPWELL_HOME: join(root, "keepwell"),
    GTK_THEME: "Adwaita",
    // No helper of the desktop is started over the bus; there is no desktop.
    GTK_USE_PORTAL: "0",
    NO_AT_BRIDGE: "1",
    TAURI_AUTOMATION: "true",
    TAURI_WEBVIEW_AUTOMATION: "true",
  };
  env.DISPLAY = await startDisplay();
  await startKeyring(env);
  const port = await freePort();
  start("webdriver", "WebKitWebDriver", [`--port=${port}`], { env });
  return { root, home, env, port };
}

/** Ends everything, newest first, and keeps what the programs said if asked. */
export async function closeSession(session, keepIn) {
  for (const { child } of children.toReversed()) child.kill("SIGTERM");
  await Promise.all(
    children.map(
      ({ child }) =>
        new Promise((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) return resolve();
          const late = setTimeout(() => child.kill("SIGKILL"), 3_000);
          child.on("close", () => (clearTimeout(late), resolve()));
        }),
    ),
  );
  if (keepIn) {
    mkdirSync(keepIn, { recursive: true });
    for (const { name, said } of children) writeFileSync(join(keepIn, `window-${name}.log`), Buffer.concat(said));
  }
  if (session) rmSync(session.root, { recursive: true, force: true });
}

/** A picture of the whole screen, frame and all. */
export function screenPicture(env, file) {
  const taken = spawnSync("import", ["-window", "root", file], { env, encoding: "utf8" });
  if (taken.status !== 0 || !existsSync(file)) throw new Error(`no picture of the screen: ${taken.stderr}`);
}

/** The bytes of a file. */
export function bytes(file) {
  return readFileSync(file);
}

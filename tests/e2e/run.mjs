// The window test's outer half: checks that its programs are there, then runs the inner half on a session bus of its
// own. `node tests/e2e/run.mjs [path of keepwell-desktop]`; Linux only.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const project = dirname(dirname(here));
const binary = process.argv[2] ?? process.env.KEEPWELL_DESKTOP_BIN ?? join(project, "target", "debug", "keepwell-desktop");

if (process.platform !== "linux") {
  console.error("The test in the real window needs Linux: Xvfb, dbus-run-session, gnome-keyring and WebKitWebDriver.");
  process.exit(2);
}
if (!existsSync(binary)) {
  console.error(`${binary} is not there; build it with: cargo build --workspace --bins`);
  process.exit(2);
}
const result = spawnSync(
  "dbus-run-session",
  [`--config-file=${join(here, "bus.conf")}`, "--", process.execPath, "--test", "--test-timeout=600000", "--test-reporter=spec", join(here, "window.test.mjs")],
  { cwd: project, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, KEEPWELL_DESKTOP_BIN: binary } },
);
if (result.error) console.error(`dbus-run-session can not be started: ${result.error.message}`);
process.exit(result.status ?? 1);

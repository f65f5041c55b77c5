// The real servers (and, where there is none to be had, emulators) that the tests of places start for themselves.
//
//   node scripts/servers.mjs    installs what is missing; `npm test` does this
//
// They lie outside the checkout, with versions fixed here. WebDAV is Apache and SFTP is OpenSSH, both from the system's
// packages (lib/system.mjs); S3 is s3s-fs, compiled once; what only exists as an emulator or simulator is called one:
// azurite (Microsoft's for Azure), moto (S3, for what s3s-fs lacks), gcp-storage-emulator (Google).
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { run } from "./lib/run.mjs";
import { say } from "./lib/say.mjs";
import { tools } from "./lib/setup.mjs";
import { systemPackages } from "./lib/system.mjs";

const folder = join(tools, "servers");
const s3 = "0.14.1";
const pythonPackages = ["moto[server]==5.2.5", "gcp-storage-emulator==2026.7.19"];
const azurite = "3.37.0";

/** Does the work unless it was done with the same versions before. */
async function once(name, versions, work) {
  const stamp = join(folder, `${name}.installed`);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === versions) return;
  rmSync(stamp, { force: true });
  await work();
  writeFileSync(stamp, versions);
}

const parts = [
  () =>
    once("s3s-fs", s3, () =>
      // Without optimisation: its own speed is not what the tests wait for.
      run("servers-s3", "cargo", ["install", "s3s-fs", "--version", s3, "--locked", "--features", "binary", "--debug", "--force", "--root", folder], {
        env: { CARGO_TARGET_DIR: join(tools, "build"), CARGO_PROFILE_DEV_DEBUG: "0" },
      }),
    ),
  () =>
    once("python", pythonPackages.join("\n"), async () => {
      await run("servers-venv", "python3", ["-m", "venv", "--clear", join(folder, "python")]);
      const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...pythonPackages];
      await run("servers-python", join(folder, "python", "bin", "python"), pip);
    }),
  () =>
    once("azurite", azurite, () =>
      run("servers-azurite", "npm", ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", `azurite@${azurite}`]),
    ),
];

/** Makes sure that all of them are there. */
export async function servers() {
  // The tests of places run where these servers do.
  if (process.platform !== "linux") return "only on Linux";
  mkdirSync(folder, { recursive: true });
  await Promise.all(parts.map((part) => part()));
  return "everything is there";
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await systemPackages(["compiler", "test"]);
  say(await servers());
}

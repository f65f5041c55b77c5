import { describe, expect, it } from "vitest";

import { accessOf, addressOf, forgetLine, isRemote, NO_ACCESS } from "./server";

const place = (path: string) => ({ path, display: path });

describe("places on servers", () => {
  it("are known by their addresses", () => {
    expect(isRemote(" sftp://server/folder")).toBe(true);
    expect(isRemote("/home/ada/sftp:")).toBe(false);
    expect(isRemote("C:\\copies")).toBe(false);
  });

  it("get what was typed, and folders of this computer nothing", () => {
    expect(accessOf(place("sftp://server/x"), { user: " ada ", secret: "s" })).toEqual({ user: "ada", secret: "s" });
    expect(accessOf(place("sftp://server/x"), { user: "", secret: "s" })).toEqual({ secret: "s" });
    expect(accessOf(place("sftp://server/x"), NO_ACCESS)).toBeUndefined();
    expect(accessOf(place("/home/ada"), { user: "ada", secret: "s" })).toBeUndefined();
  });

  it("are named as the engine and ssh name them", () => {
    expect(addressOf({ host: "nas.local", port: 2222 })).toBe("sftp://nas.local:2222");
    expect(addressOf({ host: "fe80::1", port: 22 })).toBe("sftp://[fe80::1]:22");
    expect(forgetLine({ host: "nas.local", port: 22 }, "/home/ada/.ssh/known_hosts")).toBe('ssh-keygen -R "nas.local" -f "/home/ada/.ssh/known_hosts"');
    expect(forgetLine({ host: "nas.local", port: 2222 }, "/x")).toBe('ssh-keygen -R "[nas.local]:2222" -f "/x"');
  });
});

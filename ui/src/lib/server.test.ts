import { describe, expect, it } from "vitest";

import { accessOf, isRemote, NO_ACCESS } from "./server";

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
});

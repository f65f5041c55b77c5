import { describe, expect, it } from "vitest";

import { placeNames } from "./names";
import { testPair, testPlace } from "./testPair";

describe("the names of the two places", () => {
  it("are their own names where these differ", () => {
    expect(placeNames(testPair({ right: testPlace("/b/Copies", "Copies", "laptop") }))).toEqual({ left: "Pictures", right: "Copies" });
  });

  it("say the device where the names are the same, also when only the case differs", () => {
    const pair = testPair({ right: testPlace("sftp://nas/pictures", "pictures", "nas") });
    expect(placeNames(pair)).toEqual({ left: "Pictures on laptop", right: "pictures on nas" });
  });

  it("are the whole addresses where the devices are the same too", () => {
    const pair = testPair({ right: testPlace("/media/stick/Pictures", "Pictures", "laptop") });
    expect(placeNames(pair)).toEqual({ left: "/home/ana/Pictures", right: "/media/stick/Pictures" });
  });

  it("are never the same", () => {
    const one = testPlace("/a", "a", "x");
    const names = placeNames({ left: one, right: one });
    expect(names.left).not.toBe(names.right);
  });
});

import { describe, expect, it } from "vitest";

import { copyDay, copyName, copySides } from "./copyName";
import { testPair, testPlace } from "./testPair";

describe("the name of a conflict copy", () => {
  it("has the place and the day before its ending", () => {
    expect(copyName("report.txt", "Anna's Laptop", "2026-11-22")).toBe("report (conflict from Anna's Laptop, 2026-11-22).txt");
    expect(copyName("notes", "stick", "2026-11-22")).toBe("notes (conflict from stick, 2026-11-22)");
    expect(copyName("a.tar.gz", "stick", "2026-11-22")).toBe("a.tar (conflict from stick, 2026-11-22).gz");
  });

  it("takes neither a leading dot nor a long tail for an ending", () => {
    expect(copyName(".profile", "stick", "2026-11-22")).toBe(".profile (conflict from stick, 2026-11-22)");
    expect(copyName("Mr. Longfellow and others", "stick", "2026-11-22")).toBe("Mr. Longfellow and others (conflict from stick, 2026-11-22)");
  });

  it("has nothing of the place that a name can not have", () => {
    expect(copyName("x", "a/b:c", "2026-11-22")).toBe("x (conflict from abc, 2026-11-22)");
    expect(copyName("x", "///", "2026-11-22")).toBe("x (conflict, 2026-11-22)");
  });

  it("fits, and is cut between letters", () => {
    const name = copyName(`${"ü".repeat(120)}.jpeg`, "stick", "2026-11-22");
    expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(255);
    expect(name).toMatch(/^ü+ \(conflict from stick, 2026-11-22\)\.jpeg$/);
  });

  it("calls the places as the engine does", () => {
    const sides = (...places: [[string, string, string], [string, string, string]]) => copySides(testPair({ left: testPlace(...places[0]), right: testPlace(...places[1]) }));
    expect(sides(["/a/x", "x", "d"], ["/b/y", "y", "d"])).toEqual({ left: "x", right: "y" });
    expect(sides(["/a/x", "x", "d"], ["/b/x", "x", "e"])).toEqual({ left: "x on d", right: "x on e" });
    expect(sides(["/a/x", "x", "d"], ["/b/x", "x", "d"])).toEqual({ left: "/a/x", right: "/b/x" });
  });

  it("has the day of this computer's clock", () => {
    expect(copyDay(new Date(2026, 0, 5, 23, 59).getTime())).toBe("2026-01-05");
  });
});

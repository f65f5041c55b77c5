import { describe, expect, it } from "vitest";

import { baseName, joinPath, parentPath, pathSteps, shortenPath, splitForMiddle } from "./path";

describe("shortening", () => {
  it("leaves a short path alone", () => {
    expect(shortenPath("/home/ana/a.txt", 20)).toBe("/home/ana/a.txt");
  });

  it("keeps the beginning and the name", () => {
    const short = shortenPath("/home/ana/documents/clients/2026/november/invoice.pdf", 30);
    expect(short).toHaveLength(30);
    expect(short.startsWith("/home")).toBe(true);
    expect(short.endsWith("/invoice.pdf")).toBe(true);
  });

  it("keeps the ending of a name longer than the room", () => {
    const short = shortenPath(`/home/${"x".repeat(80)}.pdf`, 24);
    expect(short).toHaveLength(24);
    expect(short.endsWith("x.pdf")).toBe(true);
    expect(short.startsWith("/home")).toBe(true);
  });

  it("does not cut a letter outside the basic plane in two", () => {
    expect(shortenPath("😀".repeat(10), 5)).toBe("😀…😀😀😀");
  });
});

describe("taking paths apart", () => {
  it("splits where the page may cut", () => {
    expect(splitForMiddle("/home/ana/a.txt")).toEqual({ head: "/home/ana", tail: "/a.txt" });
    expect(splitForMiddle("C:\\Users\\ana\\")).toEqual({ head: "C:\\Users", tail: "\\ana" });
    expect(splitForMiddle("/")).toEqual({ head: "", tail: "/" });
    expect(splitForMiddle(`/a/${"n".repeat(50)}.png`).tail).toHaveLength(32);
  });

  it("names, parents and steps", () => {
    expect(baseName("/home/ana/")).toBe("ana");
    expect(baseName("/")).toBe("/");
    expect(parentPath("/home/ana")).toBe("/home");
    expect(parentPath("/home")).toBe("/");
    expect(parentPath("home")).toBe("");
    expect(joinPath("", "a")).toBe("a");
    expect(joinPath("a/b", "c")).toBe("a/b/c");
    expect(pathSteps("a/b")).toEqual([
      { name: "a", path: "a" },
      { name: "b", path: "a/b" },
    ]);
  });
});

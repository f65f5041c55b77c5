import { describe, expect, it } from "vitest";

import { readBrowseSearch, startFolder, withSearch } from "./search";
import { choose, isChosen, isPartly, NOTHING, unchoose, type Chosen } from "./selection";

function item(path: string): Chosen {
  return { path: { path, display: path }, entryType: "file" };
}

describe("choosing what to bring back", () => {
  it("takes a folder for everything in it", () => {
    const selection = choose(choose(NOTHING, item("a/b/c")), item("a/b"));
    expect([...selection.keys()]).toEqual(["a/b"]);
    expect(isChosen(selection, "a/b/c")).toBe(true);
    expect(isChosen(selection, "a/bc")).toBe(false);
    expect(isPartly(selection, "a")).toBe(true);
    expect(isPartly(selection, "a/b")).toBe(false);
    expect(choose(selection, item("a/b/d"))).toBe(selection);
  });

  it("keeps the brothers when one below a chosen folder is taken out", () => {
    const selection = choose(NOTHING, item("a"));
    const next = unchoose(selection, item("a/x"), [item("a/x"), item("a/y"), item("a/z")], "a");
    expect([...next.keys()]).toEqual(["a/y", "a/z"]);
  });

  it("takes out what was chosen itself, and leaves alone what it can not take apart", () => {
    const selection = choose(NOTHING, item("a"));
    expect(unchoose(selection, item("a"), [], "").size).toBe(0);
    expect(unchoose(selection, item("a/b/c"), [item("a/b/c")], "a/b")).toBe(selection);
  });
});

describe("where browsing begins", () => {
  it("is the deepest folder that holds everything", () => {
    expect(startFolder(["home/ana/Documents"])).toBe("home/ana/Documents");
    expect(startFolder(["home/ana/Documents", "home/ana/Pictures"])).toBe("home/ana");
    expect(startFolder(["home/ana", "home/ana/Pictures"])).toBe("home/ana");
    expect(startFolder(["home/ana", "srv"])).toBe("");
    expect(startFolder([])).toBe("");
  });
});

describe("what the address says", () => {
  it("keeps what it knows and drops the rest", () => {
    expect(readBrowseSearch({ snapshot: "ab", tab: "files", path: "", other: 1, q: 2026 })).toEqual({ snapshot: "ab", tab: "files", q: "2026" });
    expect(readBrowseSearch({ tab: "nothing" })).toEqual({});
  });

  it("takes a name out with an empty value", () => {
    expect(withSearch({ path: "a", file: "a/b" }, { file: undefined, path: "a/c" })).toEqual({ path: "a/c" });
  });
});

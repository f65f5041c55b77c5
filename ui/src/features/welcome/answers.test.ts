import { describe, expect, it } from "vitest";

import type { FolderSuggestions } from "../../api";
import { destinationOf, drivesOf, firstAnswers, isPasswordReady, NO_PASSWORD, outermost, toStart, withFolder, withTick } from "./answers";

const path = (text: string) => ({ path: text, display: text });
const suggestions: FolderSuggestions = {
  sources: [
    { kind: "documents", path: path("/home/ana/Documents"), exists: true, recommended: true },
    { kind: "pictures", path: path("/home/ana/Pictures"), exists: false, recommended: true },
    { kind: "downloads", path: path("/home/ana/Downloads"), exists: true, recommended: false },
  ],
  volumes: [{ name: "USB", path: path("/media/usb"), proposed: path("/media/usb/Keepwell"), otherDevice: true, freeBytes: 4e9, totalBytes: 8e9 }],
};

describe("the three questions", () => {
  it("begin with what is recommended and there", () => {
    const answers = firstAnswers(suggestions);
    expect([...answers.ticked]).toEqual(["/home/ana/Documents"]);
    expect(destinationOf(answers)).toBe("/media/usb/Keepwell");
  });

  it("do not propose a place without room", () => {
    const full = { ...suggestions, volumes: suggestions.volumes.map((volume) => ({ ...volume, freeBytes: 4096 })) };
    expect(destinationOf(firstAnswers(full))).toBe("");
    expect(drivesOf(full)).toHaveLength(1);
    const tiny = { ...suggestions, volumes: suggestions.volumes.map((volume) => ({ ...volume, totalBytes: 4096 })) };
    expect(drivesOf(tiny)).toHaveLength(0);
  });

  it("make the request", () => {
    const answers = withFolder(withTick(firstAnswers(suggestions), "/home/ana/Documents", false), path("/srv/work"));
    expect(toStart({ ...answers, volume: undefined, folder: path("/backup%25"), often: "weekly" }, suggestions.volumes)).toEqual({
      sources: ["/srv/work"],
      planName: "work",
      destination: "/backup%25",
      schedule: { kind: "weekly", weekday: 7, atMinutes: 720 },
    });
  });

  it("name the place after its drive, and the plan only where one folder is its subject", () => {
    const start = toStart(withFolder(firstAnswers(suggestions), path("/srv/work")), suggestions.volumes);
    expect(start.placeLabel).toBe("USB");
    expect(start.planName).toBeUndefined();
    expect(start.sources).toHaveLength(2);
  });

  it("name a folder once, and not those that lie in another", () => {
    const answers = withFolder(withFolder(firstAnswers(suggestions), path("/home/ana")), path("/home/ana"));
    expect(answers.offered.filter((folder) => folder.path === "/home/ana")).toHaveLength(1);
    expect(toStart(answers, []).sources).toEqual(["/home/ana"]);
    expect(outermost(["/a", "/ab", "/a/b"])).toEqual(["/a", "/ab"]);
  });

  it("take no password, or one that is long enough and typed twice", () => {
    expect(isPasswordReady(NO_PASSWORD)).toBe(true);
    expect(isPasswordReady({ wanted: true, password: "short", again: "short" })).toBe(false);
    expect(isPasswordReady({ wanted: true, password: "long enough", again: "long enouhg" })).toBe(false);
    expect(isPasswordReady({ wanted: true, password: "long enough", again: "long enough" })).toBe(true);
  });
});

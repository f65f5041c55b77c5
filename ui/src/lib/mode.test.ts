import { expect, it } from "vitest";

import { modeText } from "./mode";

it.each([
  [0o644, "rw-r--r--"],
  [0o755, "rwxr-xr-x"],
  [0o4755, "rwsr-xr-x"],
  [0o2644, "rw-r-Sr--"],
  [0o1777, "rwxrwxrwt"],
  [0, "---------"],
])("%d is %s", (mode, text) => {
  expect(modeText(mode)).toBe(text);
});

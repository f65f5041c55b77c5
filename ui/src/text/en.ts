/** Every text of the window, in English. One file for each part of it; keys begin with the part's name. */
import { activity } from "./en/activity";
import { backup } from "./en/backup";
import { browse } from "./en/browse";
import { changes } from "./en/changes";
import { common } from "./en/common";
import { conflicts } from "./en/conflicts";
import { frame } from "./en/frame";
import { places } from "./en/places";
import { restore } from "./en/restore";
import { servers } from "./en/servers";
import { settings } from "./en/settings";
import { sync } from "./en/sync";
import { welcome } from "./en/welcome";
import { words } from "./en/words";

export const en = {
  ...common,
  ...frame,
  ...words,
  ...welcome,
  ...backup,
  ...browse,
  ...changes,
  ...restore,
  ...activity,
  ...places,
  ...servers,
  ...settings,
  ...sync,
  ...conflicts,
} as const;

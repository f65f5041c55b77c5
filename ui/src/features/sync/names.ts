/**
 * What the two places of a pair are called in sentences.
 *
 * Invariant: the two names are never the same, however alike the places are: every button and every sentence of a
 * decision carries one of them. Deliberately not here: the sentences.
 */
import type { SyncPair, SyncPlace, SyncSide } from "../../api";
import { t } from "../../text/text";

export interface PlaceNames {
  left: string;
  right: string;
}

/** Two names a person can tell apart: the shortest that differ. */
export function placeNames(pair: Pick<SyncPair, "left" | "right">): PlaceNames {
  const ways: ((place: SyncPlace) => string)[] = [
    (place) => place.name,
    (place) => t("sync.name_on", { name: place.name, device: place.device }),
    (place) => place.address.display,
  ];
  for (const way of ways) {
    const names = { left: way(pair.left), right: way(pair.right) };
    if (names.left.toLocaleLowerCase() !== names.right.toLocaleLowerCase()) return names;
  }
  // The same address twice is refused by the engine; should it ever be shown, the sides still tell them apart.
  return { left: t("sync.first_place"), right: t("sync.second_place") };
}

/** Where a place is: on this computer, with its name, or on what serves it. Empty where that is not known. */
export function placeOn({ device, isLocal }: Pick<SyncPlace, "device" | "isLocal">): string {
  if (device === "") return "";
  return isLocal ? t("sync.place_here", { device }) : t("sync.place_on", { device });
}

export function other(side: SyncSide): SyncSide {
  return side === "left" ? "right" : "left";
}

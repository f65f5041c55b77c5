/** The places of a hub: the hub itself, and as many others as there are. */
import { Plus, X } from "lucide-react";

import type { PathText } from "../../api";
import { Button, IconButton } from "../../components/Button";
import { FolderField } from "../../components/FolderField";
import { Field } from "../../components/Form";
import { ServerAccess } from "../../components/ServerAccess";
import { PathText as Path } from "../../components/Values";
import { isRemote } from "../../lib/server";
import { t } from "../../text/text";
import { asksForAccess, NO_PLACE, type HubFaults, type OtherPlace, type PlaceFault } from "./hubState";
import type { PartProps } from "./PairFields";
import styles from "./Sync.module.css";

const WRONG = { missing: "pair.left_missing", same: "hub.same", inside: "hub.inside" } as const satisfies Record<PlaceFault, string>;

interface HubPlacesProps extends Pick<PartProps, "fields" | "change"> {
  /** A hub that is there gets more places: it stays what it is. */
  known: PathText | undefined;
  others: readonly OtherPlace[];
  onOthers: (others: readonly OtherPlace[]) => void;
  faults: HubFaults | undefined;
}

export function HubPlaces({ fields, change, known, others, onOthers, faults }: HubPlacesProps) {
  const put = (index: number, next: OtherPlace) => onOthers(others.map((other, at) => (at === index ? next : other)));
  const example = "sftp://server/folder";
  return (
    <div className={styles.group}>
      {known ? (
        <p>
          {t("hub.hub")}: <Path path={known.display} />
        </p>
      ) : (
        <div className={styles.place}>
          <Field label={t("hub.hub")} hint={t("hub.hub_hint", { example })} error={faults?.hub ? t("pair.left_missing") : undefined}>
            <FolderField value={fields.left} onValue={(left) => change({ left })} />
          </Field>
          {isRemote(fields.left.display) && <ServerAccess access={fields.leftAccess} onAccess={(leftAccess) => change({ leftAccess })} />}
        </div>
      )}
      {others.map((other, index) => {
        const fault = faults?.others[index];
        return (
          <div key={index} className={styles.place}>
            <div className={styles.otherPlace}>
              <Field label={t("hub.place", { number: String(index + 1) })} error={fault === undefined ? undefined : t(WRONG[fault])}>
                <FolderField value={other.place} onValue={(place) => put(index, { ...other, place })} />
              </Field>
              {others.length > 1 && <IconButton icon={X} label={t("hub.place_remove", { number: String(index + 1) })} onClick={() => onOthers(others.filter((_, at) => at !== index))} />}
            </div>
            {asksForAccess(other) && <ServerAccess access={other.access} onAccess={(access) => put(index, { ...other, access })} />}
          </div>
        );
      })}
      <div>
        <Button icon={Plus} onClick={() => onOthers([...others, NO_PLACE])}>
          {t("hub.place_add")}
        </Button>
      </div>
    </div>
  );
}

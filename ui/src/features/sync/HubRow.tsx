/** Several places kept the same through one hub, as one block of the list: the hub, how all stand, what is done with all. */
import { useNavigate } from "@tanstack/react-router";
import { Network, Pause, Pencil, Play, Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";

import { Button, LinkButton } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { Menu } from "../../components/Menu";
import { tellDone, tellFailed } from "../../components/news";
import { Status, type Tone } from "../../components/Status";
import { PathText } from "../../components/Values";
import { formatRelative } from "../../lib/format";
import { useNow } from "../../lib/now";
import { useAct } from "../../lib/queries";
import { t } from "../../text/text";
import { useHold } from "./actions";
import { hubStanding, type Hub, type HubStanding } from "./hubState";
import styles from "./Sync.module.css";

const TONES = { asking: "asking", failed: "bad", running: "running", paused: "paused", new: "idle", differs: "warn", problems: "warn", inStep: "ok" } as const satisfies Record<HubStanding["kind"], Tone>;

function standingWords(standing: HubStanding, now: number): string {
  if (standing.kind === "inStep") return t("hub.in_step", { when: standing.checkedMs === null ? t("common.never") : formatRelative(standing.checkedMs, now) });
  return t(`hub.stands.${standing.kind}`, { count: standing.count, of: String(standing.of) });
}

export function HubRow({ hub, onRemove, children }: { hub: Hub; onRemove: () => void; children: ReactNode }) {
  const navigate = useNavigate();
  const now = useNow();
  const standing = hubStanding(hub);
  const hold = useHold();
  const run = useAct("sync.hubRun", { renews: ["sync", "job"], onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined) });
  const held = hub.pairs.every((pair) => pair.paused);
  const groupId = hub.group.id;
  return (
    <li className={styles.hub}>
      <div className={styles.hubHead}>
        <div className={styles.pairMain}>
          <h2 className={styles.hubName}>
            <Network aria-hidden="true" />
            {hub.group.name}
          </h2>
          <p className={styles.pairState}>
            <Status tone={TONES[standing.kind]} word={standingWords(standing, now)} />
          </p>
        </div>
        <div className={styles.pairPlaces}>
          <span className={styles.quiet}>{t("hub.through", { count: hub.pairs.length })}</span>
          {hub.pairs[0] && <PathText path={hub.pairs[0].left.address.display} />}
        </div>
        <div className={styles.hubActions}>
          <Button icon={Play} busy={run.isPending} onClick={() => run.mutate({ groupId })}>
            {t("hub.run")}
          </Button>
          <LinkButton to="/sync/hub/$groupId" params={{ groupId }} icon={Pencil} aria-label={t("hub.change_all_label", { name: hub.group.name })}>
            {t("hub.change_all")}
          </LinkButton>
          <Menu
            label={t("sync.more", { name: hub.group.name })}
            actions={[
              { text: t("hub.add"), icon: Plus, onSelect: () => void navigate({ to: "/sync/new", search: { hub: groupId } }) },
              held
                ? { text: t("hub.resume"), icon: Play, onSelect: () => hold.mutate({ groupId, paused: false }) }
                : { text: t("hub.pause"), icon: Pause, onSelect: () => hold.mutate({ groupId, paused: true }) },
              { text: t("hub.remove"), icon: Trash2, danger: true, onSelect: onRemove },
            ]}
          />
        </div>
      </div>
      <ul aria-label={t("hub.places_of", { name: hub.group.name })} className={styles.hubPairs}>
        {children}
      </ul>
    </li>
  );
}

export function RemoveHub({ hub, onClose }: { hub: Hub; onClose: () => void }) {
  const remove = useAct("sync.hubRemove", {
    renews: ["sync", "scheduler"],
    onDone: () => {
      tellDone(t("hub.removed", { name: hub.group.name }));
      onClose();
    },
    onFailed: (failure) => {
      tellFailed(failure.message, failure.details.hint ?? undefined);
      onClose();
    },
  });
  return (
    <Confirm open onClose={onClose} onConfirm={() => remove.mutate({ groupId: hub.group.id })} busy={remove.isPending} danger heading={t("hub.remove_heading", { name: hub.group.name })} confirm={t("hub.remove")}>
      {t("hub.remove_text")}
    </Confirm>
  );
}

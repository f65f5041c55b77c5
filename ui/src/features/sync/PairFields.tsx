/** The parts of a pair's form: the wizard shows them one after the other, the editor below each other. */
import type { ConflictPolicy, SyncMode, SyncPair } from "../../api";
import { FolderField } from "../../components/FolderField";
import { Field, Radios, Select, Switch, TextInput } from "../../components/Form";
import { ServerAccess } from "../../components/ServerAccess";
import { weekdayName } from "../../lib/words";
import { baseName } from "../../lib/path";
import { isRemote } from "../../lib/server";
import { t } from "../../text/text";
import { FolderChoice } from "./FolderChoice";
import { AgesPart, BinPart, BrakesPart, ConflictRulesPart, LinePart, MetadataPart } from "./MoreFields";
import { placeNames, type PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { MODES } from "./words";
import type { PairFault, PairFields, ScheduleKind } from "./wizardState";

export interface PartProps {
  fields: PairFields;
  change: (change: Partial<PairFields>) => void;
  faults: ReadonlySet<PairFault>;
  names: PlaceNames;
}

/** What the places are called while the pair is being made: from what was typed so far. */
export function namesOfFields(fields: PairFields, pair: SyncPair | undefined): PlaceNames {
  if (pair) return placeNames(pair);
  const place = (value: PairFields["left"], fallback: string) => {
    const display = value.display.trim();
    const name = display === "" ? fallback : baseName(display);
    return { address: { path: value.path, display: display === "" ? fallback : display }, name, device: display, isLocal: true };
  };
  const left = place(fields.left, t("sync.first_place"));
  const right = place(fields.right, t("sync.second_place"));
  return left.name === right.name ? { left: left.address.display, right: right.address.display } : placeNames({ left, right });
}

export function PlacesPart({ fields, change, faults }: PartProps) {
  const error = (side: "left" | "right") => {
    if (faults.has(side)) return t("pair.left_missing");
    if (side === "right" && faults.has("same")) return t("pair.same");
    return side === "right" && faults.has("inside") ? t("pair.inside") : undefined;
  };
  return (
    <div className={styles.group}>
      {(["left", "right"] as const).map((side) => (
        <div key={side} className={styles.place}>
          <Field label={t(`pair.${side}`)} hint={t("pair.address_hint", { example: "sftp://server/folder" })} error={error(side)}>
            <FolderField value={fields[side]} onValue={(place) => change({ [side]: place })} />
          </Field>
          {isRemote(fields[side].display) && <ServerAccess access={fields[`${side}Access`]} onAccess={(access) => change({ [`${side}Access`]: access })} />}
        </div>
      ))}
    </div>
  );
}

/** Which way changes go, and what happens where both changed. Through a hub they always go both ways. */
export function WayPart({ bothWays = false, ...props }: PartProps & { bothWays?: boolean }) {
  const { fields, change, names } = props;
  const policies: { value: ConflictPolicy; text: string; note: string }[] = [
    { value: "ask", text: t("pair.conflict.ask"), note: t("pair.conflict.ask_note") },
    { value: "keepBoth", text: t("pair.conflict.keepBoth"), note: t("pair.conflict.keepBoth_note") },
    { value: "newest", text: t("pair.conflict.newest"), note: t("pair.conflict.newest_note") },
    { value: "left", text: t("pair.conflict.left", { place: names.left }), note: t("pair.conflict.side_note") },
    { value: "right", text: t("pair.conflict.right", { place: names.right }), note: t("pair.conflict.side_note") },
  ];
  return (
    <div className={styles.group}>
      {!bothWays && (
        <Radios<SyncMode>
          quietLabel
          label={t("pair.way")}
          value={fields.mode}
          onValue={(mode) => change({ mode })}
          choices={MODES.map((mode) => ({ value: mode, text: t(`pair.mode.${mode}`, names), note: t(`pair.mode.${mode}_note`, names) }))}
        />
      )}
      {fields.mode === "twoWay" && (
        <Radios<ConflictPolicy> label={t("pair.conflicts")} hint={t("pair.conflicts_hint")} value={fields.conflicts} onValue={(conflicts) => change({ conflicts })} choices={policies} />
      )}
      {fields.mode === "twoWay" && <ConflictRulesPart {...props} />}
      <MetadataPart {...props} />
    </div>
  );
}

export function LeftOutPart(props: PartProps) {
  const { fields, change, faults } = props;
  return (
    <div className={styles.group}>
      <FolderChoice {...props} />
      <Field label={t("pair.exclude")} hint={t("pair.exclude_hint")}>
        <textarea
          aria-label={t("pair.exclude")}
          value={fields.exclude}
          rows={5}
          spellCheck={false}
          onChange={(event) => change({ exclude: event.target.value })}
          className={styles.area}
        />
      </Field>
      <div className={styles.short}>
        <Field label={t("pair.max")} hint={t("pair.max_hint")} error={faults.has("max") ? t("pair.max_wrong") : undefined}>
          <TextInput inputMode="decimal" value={fields.maxMegabytes} onValue={(maxMegabytes) => change({ maxMegabytes })} />
        </Field>
      </div>
      <AgesPart {...props} />
    </div>
  );
}

/** What keeps the data safe: when a run halts, and how long the bin keeps things. */
export function SafetyPart(props: PartProps) {
  return (
    <div className={styles.group}>
      <BrakesPart {...props} />
      <BinPart {...props} />
    </div>
  );
}

export function WhenPart(props: PartProps) {
  const { fields, change, faults } = props;
  const clock = (
    <Field label={t("editor.time")}>
      <TextInput type="time" value={fields.time} onValue={(time) => change({ time })} />
    </Field>
  );
  return (
    <div className={styles.group}>
      <Switch checked={fields.live} onChecked={(live) => change({ live })} text={t("pair.live")} note={t("pair.live_note")} />
      <Radios<ScheduleKind>
        label={t("pair.schedule")}
        value={fields.kind}
        onValue={(kind) => change({ kind })}
        choices={[
          { value: "manual", text: t("editor.manual") },
          { value: "everyHours", text: t("editor.every") },
          { value: "daily", text: t("editor.daily") },
          { value: "weekly", text: t("editor.weekly") },
        ]}
      />
      {fields.kind === "everyHours" && (
        <div className={styles.short}>
          <Field label={t("editor.hours")} error={faults.has("hours") ? t("editor.hours_wrong") : undefined}>
            <TextInput inputMode="numeric" value={fields.hours} onValue={(hours) => change({ hours })} />
          </Field>
        </div>
      )}
      {fields.kind === "daily" && <div className={styles.fieldPair}>{clock}</div>}
      {fields.kind === "weekly" && (
        <div className={styles.fieldPair}>
          <Field label={t("editor.weekday")}>
            <Select value={fields.weekday} onValue={(weekday) => change({ weekday })} choices={[1, 2, 3, 4, 5, 6, 7].map((day) => ({ value: String(day), text: weekdayName(day) }))} />
          </Field>
          {clock}
        </div>
      )}
      <div className={styles.short}>
        <Field label={t("pair.name")} hint={t("pair.name_hint")}>
          <TextInput value={fields.name} onValue={(name) => change({ name })} />
        </Field>
      </div>
      <LinePart {...props} />
    </div>
  );
}

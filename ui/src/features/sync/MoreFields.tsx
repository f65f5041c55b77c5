/** The parts of a pair's form that are seldom needed, each folded away until it is wanted. */
import { Plus, X } from "lucide-react";

import type { ConflictPolicy, SyncLinks } from "../../api";
import { Button, IconButton } from "../../components/Button";
import { Checkbox, Field, Radios, Select, Switch, TextInput } from "../../components/Form";
import { More } from "../../components/More";
import { weekdayName } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./MoreFields.module.css";
import { daysOf, FRESH_WINDOW, isUnusual, WEEKEND, WORK_DAYS, type AgeUnit, type Days, type MoreFault, type MoreFields, type WindowFields } from "./moreState";
import type { PartProps } from "./PairFields";

const WEEK = [1, 2, 3, 4, 5, 6, 7] as const;

/** The short parts that most fields here need. */
function useMore({ fields, change, faults }: PartProps) {
  return {
    more: fields.more,
    set: (next: Partial<MoreFields>) => change({ more: { ...fields.more, ...next } }),
    error: (fault: MoreFault, text: string) => (faults.has(fault) ? text : undefined),
  };
}

function without<Item>(list: readonly Item[], index: number): Item[] {
  return list.filter((_, at) => at !== index);
}

function replaced<Item>(list: readonly Item[], index: number, item: Item): Item[] {
  return list.map((old, at) => (at === index ? item : old));
}

/** Other ways with conflicts for some files. */
export function ConflictRulesPart(props: PartProps) {
  const { more, set, error } = useMore(props);
  const { names } = props;
  const policies: { value: ConflictPolicy; text: string }[] = [
    { value: "ask", text: t("pair.conflict.ask") },
    { value: "keepBoth", text: t("pair.conflict.keepBoth") },
    { value: "newest", text: t("pair.conflict.newest") },
    { value: "left", text: t("pair.conflict.left", { place: names.left }) },
    { value: "right", text: t("pair.conflict.right", { place: names.right }) },
  ];
  const rules = more.conflictRules;
  const fault = error("rules", t("more.rules_wrong"));
  return (
    <More heading={t("more.rules")} about={t("more.rules_about")} changed={isUnusual(more, "conflicts")} wrong={fault !== undefined}>
      {rules.length > 0 && (
        <ol className={styles.rows} aria-label={t("more.rules")}>
          {rules.map((rule, index) => (
            <li key={index} className={styles.rule}>
              <TextInput
                mono
                aria-label={t("more.rule_pattern", { number: String(index + 1) })}
                placeholder={t("more.rule_example")}
                value={rule.pattern}
                onValue={(pattern) => set({ conflictRules: replaced(rules, index, { ...rule, pattern }) })}
              />
              <Select<ConflictPolicy>
                label={t("more.rule_way", { number: String(index + 1) })}
                value={rule.policy}
                choices={policies}
                onValue={(policy) => set({ conflictRules: replaced(rules, index, { ...rule, policy }) })}
              />
              <IconButton icon={X} label={t("more.rule_remove", { number: String(index + 1) })} onClick={() => set({ conflictRules: without(rules, index) })} />
            </li>
          ))}
        </ol>
      )}
      {fault !== undefined && <p className={styles.fault}>{fault}</p>}
      <p className={styles.quiet}>{t("more.rules_hint")}</p>
      <div>
        <Button icon={Plus} onClick={() => set({ conflictRules: [...rules, { pattern: "", policy: "keepBoth" }] })}>
          {t("more.rule_add")}
        </Button>
      </div>
    </More>
  );
}

export function MetadataPart(props: PartProps) {
  const { more, set } = useMore(props);
  return (
    <More heading={t("more.metadata")} about={t("more.metadata_about")} changed={isUnusual(more, "metadata")}>
      <Radios<SyncLinks>
        label={t("more.links")}
        value={more.links}
        onValue={(links) => set({ links })}
        choices={[
          { value: "keep", text: t("more.links.keep"), note: t("more.links.keep_note") },
          { value: "follow", text: t("more.links.follow"), note: t("more.links.follow_note") },
          { value: "skip", text: t("more.links.skip"), note: t("more.links.skip_note") },
        ]}
      />
      <div className={styles.switches}>
        <Switch checked={more.modes} onChecked={(modes) => set({ modes })} text={t("more.modes")} note={t("more.modes_note")} />
        <Switch checked={more.attributes} onChecked={(attributes) => set({ attributes })} text={t("more.attributes")} note={t("more.attributes_note")} />
      </div>
    </More>
  );
}

export function AgesPart(props: PartProps) {
  const { more, set, error } = useMore(props);
  const wrong = props.faults.has("minAge") || props.faults.has("maxAge") || props.faults.has("ages");
  const units: { value: AgeUnit; text: string }[] = (["minutes", "hours", "days"] as const).map((value) => ({ value, text: t(`more.unit.${value}`) }));
  return (
    <More heading={t("more.ages")} about={t("more.ages_about")} changed={isUnusual(more, "ages")} wrong={wrong}>
      <div className={styles.numbers}>
        <Field label={t("more.min_age")} hint={t("more.min_age_hint")} error={error("minAge", t("more.age_wrong")) ?? error("ages", t("more.ages_wrong"))}>
          <span className={styles.withUnit}>
            <TextInput inputMode="numeric" value={more.minAge} onValue={(minAge) => set({ minAge })} />
            <Select<AgeUnit> label={t("more.min_age_unit")} value={more.minAgeUnit} choices={units} onValue={(minAgeUnit) => set({ minAgeUnit })} />
          </span>
        </Field>
        <Field label={t("more.max_age")} hint={t("more.max_age_hint")} error={error("maxAge", t("more.age_wrong"))}>
          <TextInput inputMode="numeric" value={more.maxAgeDays} onValue={(maxAgeDays) => set({ maxAgeDays })} />
        </Field>
      </div>
    </More>
  );
}

export function BrakesPart(props: PartProps) {
  const { more, set, error } = useMore(props);
  const wrong = props.faults.has("removed") || props.faults.has("rewritten") || props.faults.has("reserve");
  return (
    <More heading={t("more.brakes")} about={t("more.brakes_about")} changed={isUnusual(more, "brakes")} wrong={wrong}>
      <p className={styles.quiet}>{t("more.brakes_lead")}</p>
      <div className={styles.numbers}>
        <Field label={t("more.removed_items")} error={error("removed", t("more.brake_wrong"))}>
          <TextInput inputMode="numeric" value={more.removedItems} onValue={(removedItems) => set({ removedItems })} />
        </Field>
        <Field label={t("more.removed_percent")}>
          <TextInput inputMode="numeric" value={more.removedPercent} onValue={(removedPercent) => set({ removedPercent })} />
        </Field>
        <Field label={t("more.rewritten_files")} error={error("rewritten", t("more.brake_wrong"))}>
          <TextInput inputMode="numeric" value={more.rewrittenFiles} onValue={(rewrittenFiles) => set({ rewrittenFiles })} />
        </Field>
        <Field label={t("more.rewritten_percent")}>
          <TextInput inputMode="numeric" value={more.rewrittenPercent} onValue={(rewrittenPercent) => set({ rewrittenPercent })} />
        </Field>
        <Field label={t("more.reserve")} hint={t("more.reserve_hint")} error={error("reserve", t("more.number_wrong"))}>
          <TextInput inputMode="numeric" value={more.reserveMegabytes} onValue={(reserveMegabytes) => set({ reserveMegabytes })} />
        </Field>
      </div>
      <p className={styles.quiet}>{t("more.brakes_always")}</p>
    </More>
  );
}

export function BinPart(props: PartProps) {
  const { more, set, error } = useMore(props);
  return (
    <More heading={t("more.bin")} about={t("more.bin_about")} changed={isUnusual(more, "bin")} wrong={props.faults.has("binDays") || props.faults.has("binSize")}>
      <p className={styles.quiet}>{t("more.bin_lead")}</p>
      <div className={styles.numbers}>
        <Field label={t("more.bin_all")} error={error("binDays", t("more.days_wrong"))}>
          <TextInput inputMode="numeric" value={more.binAllDays} onValue={(binAllDays) => set({ binAllDays })} />
        </Field>
        <Field label={t("more.bin_daily")}>
          <TextInput inputMode="numeric" value={more.binDailyDays} onValue={(binDailyDays) => set({ binDailyDays })} />
        </Field>
        <Field label={t("more.bin_weekly")}>
          <TextInput inputMode="numeric" value={more.binWeeklyDays} onValue={(binWeeklyDays) => set({ binWeeklyDays })} />
        </Field>
        <Field label={t("more.bin_size")} hint={t("more.bin_size_hint")} error={error("binSize", t("more.number_wrong"))}>
          <TextInput inputMode="decimal" value={more.binGigabytes} onValue={(binGigabytes) => set({ binGigabytes })} />
        </Field>
      </div>
    </More>
  );
}

function Hours({ window, number, onWindow, onRemove }: { window: WindowFields; number: string; onWindow: (window: WindowFields) => void; onRemove: () => void }) {
  const days = daysOf(window.days);
  const [chosen, shown] = [days === "chosen", days];
  const choose = (next: Days) => onWindow({ ...window, days: next === "every" ? [] : next === "work" ? WORK_DAYS : next === "weekend" ? WEEKEND : [1] });
  const tick = (day: number, on: boolean) => {
    const next = on ? [...window.days, day] : window.days.filter((known) => known !== day);
    if (next.length > 0) onWindow({ ...window, days: next });
  };
  return (
    <li className={styles.window}>
      <div className={styles.windowLine}>
        <Select<Days>
          label={t("more.window_days", { number })}
          value={shown}
          onValue={choose}
          choices={(["every", "work", "weekend", "chosen"] as const).map((value) => ({ value, text: t(`more.days.${value}`) }))}
        />
        <TextInput type="time" aria-label={t("more.window_from", { number })} value={window.from} onValue={(from) => onWindow({ ...window, from })} />
        <span aria-hidden="true">–</span>
        <TextInput type="time" aria-label={t("more.window_to", { number })} value={window.to} onValue={(to) => onWindow({ ...window, to })} />
        <TextInput
          inputMode="decimal"
          aria-label={t("more.window_rate", { number })}
          placeholder={t("more.no_limit")}
          value={window.megabytes}
          onValue={(megabytes) => onWindow({ ...window, megabytes })}
        />
        <span className={styles.quiet}>{t("more.rate_unit")}</span>
        <IconButton icon={X} label={t("more.window_remove", { number })} onClick={onRemove} />
      </div>
      {chosen && (
        <div role="group" aria-label={t("more.window_days", { number })} className={styles.week}>
          {WEEK.map((day) => (
            <Checkbox key={day} checked={window.days.includes(day)} onChecked={(on) => tick(day, on)} text={weekdayName(day)} />
          ))}
        </div>
      )}
    </li>
  );
}

export function LinePart(props: PartProps) {
  const { more, set, error } = useMore(props);
  const fault = error("windows", t("more.windows_wrong"));
  return (
    <More heading={t("more.line")} about={t("more.line_about")} changed={isUnusual(more, "line")} wrong={props.faults.has("usual") || fault !== undefined}>
      <div className={styles.numbers}>
        <Field label={t("more.usual")} hint={t("more.usual_hint")} error={error("usual", t("more.rate_wrong"))}>
          <TextInput inputMode="decimal" placeholder={t("more.no_limit")} value={more.usualMegabytes} onValue={(usualMegabytes) => set({ usualMegabytes })} />
        </Field>
      </div>
      {more.windows.length > 0 && (
        <ol className={styles.rows} aria-label={t("more.windows")}>
          {more.windows.map((window, index) => (
            <Hours
              key={index}
              window={window}
              number={String(index + 1)}
              onWindow={(next) => set({ windows: replaced(more.windows, index, next) })}
              onRemove={() => set({ windows: without(more.windows, index) })}
            />
          ))}
        </ol>
      )}
      {fault !== undefined && <p className={styles.fault}>{fault}</p>}
      <div>
        <Button icon={Plus} onClick={() => set({ windows: [...more.windows, FRESH_WINDOW] })}>
          {t("more.window_add")}
        </Button>
      </div>
      {more.windows.length > 0 && <p className={styles.quiet}>{t("more.windows_hint")}</p>}
    </More>
  );
}

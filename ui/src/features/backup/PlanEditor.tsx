/** Makes or changes a plan: what, where to, when, and what is left out. */
import { useNavigate, useParams } from "@tanstack/react-router";
import { FolderPlus, X } from "lucide-react";
import { useState, type SubmitEvent } from "react";

import { call, type Place, type Plan } from "../../api";
import { Button, IconButton, LinkButton } from "../../components/Button";
import { useFolderChooser, FolderField } from "../../components/FolderField";
import { Checkbox, Field, Radios, Select, Switch, TextInput } from "../../components/Form";
import { tellDone } from "../../components/news";
import { Loading, Page, Section } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { PathText } from "../../components/Values";
import { renew, useAct, useAsk } from "../../lib/queries";
import { weekdayName } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./Backup.module.css";
import { faultsOf, FRESH, fromPlan, toSave, withSource, type EditorState, type ScheduleKind } from "./editorState";

interface PartProps {
  state: EditorState;
  change: (change: Partial<EditorState>) => void;
  faults: ReturnType<typeof faultsOf>;
}

function Sources({ state, change, faults }: PartProps) {
  const [typed, setTyped] = useState({ path: "", display: "" });
  const add = (folder: { path: string; display: string }) => {
    change(withSource(state, folder));
    setTyped({ path: "", display: "" });
  };
  const { choose, picker } = useFolderChooser(add);
  return (
    <Section heading={t("editor.sources")} note={t("editor.sources_hint")} actions={<Button icon={FolderPlus} onClick={() => choose()}>{t("editor.add_source")}</Button>}>
      {picker}
      {state.sources.length > 0 && (
        <ul className={styles.sources}>
          {state.sources.map((source) => (
            <li key={source.path} className={styles.source}>
              <PathText path={source.display} />
              <IconButton
                icon={X}
                label={t("editor.remove_source", { path: source.display })}
                small
                onClick={() => change({ sources: state.sources.filter((known) => known.path !== source.path) })}
              />
            </li>
          ))}
        </ul>
      )}
      {faults.has("sources") && <p className={styles.error}>{t("editor.sources_missing")}</p>}
      <details>
        <summary>{t("editor.type_path")}</summary>
        <div className={styles.group}>
          <Field label={t("common.path")}>
            <FolderField value={typed} onValue={setTyped} />
          </Field>
          <span>
            <Button onClick={() => add(typed)} disabled={typed.path === ""}>
              {t("editor.add_source")}
            </Button>
          </span>
        </div>
      </details>
    </Section>
  );
}

function Timing({ state, change, faults }: PartProps) {
  const clock = (
    <Field label={t("editor.time")}>
      <TextInput type="time" value={state.time} onValue={(time) => change({ time })} />
    </Field>
  );
  return (
    <Section heading={t("editor.schedule")}>
      <Radios<ScheduleKind>
        quietLabel
        label={t("editor.schedule")}
        value={state.kind}
        onValue={(kind) => change({ kind })}
        choices={[
          { value: "everyHours", text: t("editor.every") },
          { value: "daily", text: t("editor.daily") },
          { value: "weekly", text: t("editor.weekly") },
          { value: "manual", text: t("editor.manual") },
        ]}
      />
      {state.kind === "everyHours" && (
        <div className={styles.short}>
          <Field label={t("editor.hours")} error={faults.has("hours") ? t("editor.hours_wrong") : undefined}>
            <TextInput inputMode="numeric" value={state.hours} onValue={(hours) => change({ hours })} />
          </Field>
        </div>
      )}
      {state.kind === "daily" && <div className={styles.pair}>{clock}</div>}
      {state.kind === "weekly" && (
        <div className={styles.pair}>
          <Field label={t("editor.weekday")}>
            <Select
              value={state.weekday}
              onValue={(weekday) => change({ weekday })}
              choices={[1, 2, 3, 4, 5, 6, 7].map((day) => ({ value: String(day), text: weekdayName(day) }))}
            />
          </Field>
          {clock}
        </div>
      )}
      {state.kind !== "manual" && <Switch checked={state.enabled} onChecked={(enabled) => change({ enabled })} text={t("editor.enabled")} note={t("editor.enabled_note")} />}
    </Section>
  );
}

function Exclusions({ state, change, faults }: PartProps) {
  return (
    <Section heading={t("editor.exclusions")}>
      <Field label={t("editor.exclude")} hint={t("editor.exclude_hint")}>
        <TextArea value={state.exclude} onValue={(exclude) => change({ exclude })} label={t("editor.exclude")} />
      </Field>
      <Checkbox checked={state.excludeCaches} onChecked={(excludeCaches) => change({ excludeCaches })} text={t("editor.caches")} note={t("editor.caches_note")} />
      <Checkbox checked={state.oneFileSystem} onChecked={(oneFileSystem) => change({ oneFileSystem })} text={t("editor.one_file_system")} note={t("editor.one_file_system_note")} />
      <div className={styles.short}>
        <Field label={t("editor.max")} hint={t("editor.max_hint")} error={faults.has("max") ? t("editor.max_wrong") : undefined}>
          <TextInput inputMode="decimal" value={state.maxMegabytes} onValue={(maxMegabytes) => change({ maxMegabytes })} />
        </Field>
      </div>
    </Section>
  );
}

function TextArea({ value, onValue, label }: { value: string; onValue: (value: string) => void; label: string }) {
  return <textarea aria-label={label} value={value} rows={4} spellCheck={false} onChange={(event) => onValue(event.target.value)} className={styles.area} />;
}

function Editor({ plan, places }: { plan: Plan | undefined; places: Place[] }) {
  const navigate = useNavigate();
  const [state, setState] = useState<EditorState>(plan ? fromPlan(plan) : { ...FRESH, placeId: places[0]?.id ?? "" });
  const [asked, setAsked] = useState(false);
  const faults = asked ? faultsOf(state) : new Set<never>();
  const save = useAct("plan.save", { renews: ["plan", "scheduler", "place"] });
  const change = (next: Partial<EditorState>) => setState((before) => ({ ...before, ...next }));
  const submit = async (runNow: boolean) => {
    setAsked(true);
    if (faultsOf(state).size > 0) return;
    const saved = await save.mutateAsync(toSave(state, plan?.id)).catch(() => undefined);
    if (!saved) return;
    tellDone(t("editor.saved", { name: saved.name }));
    if (runNow) await call("plan.run", { planId: saved.id }).finally(() => renew("plan", "job"));
    await navigate({ to: "/backup/$planId", params: { planId: saved.id }, search: {} });
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    void submit(plan === undefined);
  };
  const part = { state, change, faults };
  return (
    <form onSubmit={onSubmit} noValidate className={styles.form}>
      <Field label={t("editor.name")} error={faults.has("name") ? t("editor.name_missing") : undefined}>
        <TextInput value={state.name} onValue={(name) => change({ name })} placeholder={t("editor.name_placeholder")} />
      </Field>
      <Sources {...part} />
      <Section heading={t("editor.place")}>
        {places.length === 0 ? (
          <p>{t("editor.no_place")}</p>
        ) : (
          <Select
            label={t("editor.place")}
            value={state.placeId}
            onValue={(placeId) => change({ placeId })}
            choices={places.map((place) => ({ value: place.id, text: place.label, note: place.path.display }))}
          />
        )}
        {faults.has("place") && <p className={styles.error}>{t("editor.place_missing")}</p>}
        <span>
          <LinkButton to="/places/add">{t("editor.add_place")}</LinkButton>
        </span>
      </Section>
      <Timing {...part} />
      <Exclusions {...part} />
      {save.error && <Trouble error={save.error.details} />}
      <div className={styles.buttons}>
        <Button type="submit" kind="primary" busy={save.isPending}>
          {plan ? t("common.save") : t("editor.save_run")}
        </Button>
        {!plan && (
          <Button busy={save.isPending} onClick={() => void submit(false)}>
            {t("editor.save_new")}
          </Button>
        )}
        <Button kind="quiet" onClick={() => window.history.back()}>
          {t("common.cancel")}
        </Button>
      </div>
    </form>
  );
}

export function PlanEditor() {
  const { planId } = useParams({ strict: false });
  const plan = useAsk("plan.get", { planId: planId ?? "" }, { enabled: planId !== undefined });
  const places = useAsk("place.list", { health: false });
  const ready = places.data && (planId === undefined || plan.data);
  const error = plan.error ?? places.error;
  return (
    <Page
      narrow
      heading={planId === undefined ? t("editor.new") : t("editor.edit", { name: plan.data?.name ?? "" })}
      crumbs={[
        { text: t("backup.heading"), link: { to: "/backup" } },
        ...(plan.data ? [{ text: plan.data.name, link: { to: "/backup/$planId" as const, params: { planId: plan.data.id }, search: {} } }] : []),
      ]}
    >
      {error ? <Trouble error={error.details} /> : ready ? <Editor key={planId ?? "new"} plan={plan.data} places={places.data.places} /> : <Loading />}
    </Page>
  );
}

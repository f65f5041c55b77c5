/**
 * Bring back: where to, what happens to what is there, and exactly what would happen, before anything does.
 *
 * Invariant: what is started is the very plan that was shown (the engine keeps it by its preview id).
 */
import { useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { CircleCheck, History, Undo2 } from "lucide-react";
import { useState } from "react";

import { call, type OverwriteMode, type PathText as PathValue, type RestorePreview, type RestoreTarget } from "../../api";
import { Button } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { Confirm } from "../../components/Dialog";
import { FolderField } from "../../components/FolderField";
import { Checkbox, Field, Radios } from "../../components/Form";
import { Empty, Loading, Notice, Page, Section } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { PathText, Size } from "../../components/Values";
import { formatBytes, formatMoment, formatCount } from "../../lib/format";
import { useAct, useAsk, useAskPlace, usePages } from "../../lib/queries";
import { ACTION, OVERWRITE } from "../../lib/words";
import { rich } from "../../text/rich";
import { t } from "../../text/text";
import { EntryIcon } from "../browse/EntryIcon";
import styles from "./BringBack.module.css";

function Lead({ paths, made }: { paths: PathValue[]; made: number }) {
  const when = formatMoment(made);
  const first = paths[0];
  if (!first) return t("restore.lead_all", { when });
  if (paths.length === 1) return rich("restore.lead_one", { path: <PathText path={first.display} strong />, when });
  return t("restore.lead_some", { items: t("count.items", { count: paths.length }), when });
}

function Counts({ preview }: { preview: RestorePreview }) {
  const { counts } = preview;
  return (
    <table className={styles.counts}>
      <caption className="only-spoken">{t("restore.preview")}</caption>
      <tbody>
        {(["create", "replace", "metadata", "skip", "same"] as const).map((action) => (
          <tr key={action} data-none={counts[action] === 0 || undefined}>
            <th scope="row">
              <Status quiet tone={ACTION[action].tone} word={t(ACTION[action].text)} />
            </th>
            <td>{formatCount(counts[action])}</td>
          </tr>
        ))}
        {counts.refused > 0 && (
          <tr>
            <th scope="row">
              <Status quiet tone={ACTION.refuse.tone} word={t(ACTION.refuse.text)} />
            </th>
            <td>{formatCount(counts.refused)}</td>
          </tr>
        )}
        <tr className={styles.sum}>
          <th scope="row">{t("restore.write")}</th>
          <td>
            <Size bytes={preview.writeBytes} />
          </td>
        </tr>
        {preview.freeBytes !== null && (
          <tr>
            <th scope="row">{t("restore.free")}</th>
            <td>
              <Size bytes={preview.freeBytes} />
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function Operations({ preview }: { preview: RestorePreview }) {
  const pages = usePages(
    ["restore.operations", preview.previewId],
    (offset, limit, signal) => call("restore.operations", { previewId: preview.previewId, offset, limit }, signal),
    (page) => ({ rows: page.operations, total: page.total }),
  );
  const rows = pages.first ? pages.rows : preview.operations;
  return (
    <DataGrid
      label={t("restore.operations")}
      maxHeight={420}
      columns={[
        { id: "action", heading: t("restore.action"), width: "154px", cell: (row) => <Status quiet tone={ACTION[row.action].tone} word={t(ACTION[row.action].text)} /> },
        {
          id: "path",
          heading: t("common.path"),
          width: "minmax(0, 1fr)",
          cell: (row) => (
            <>
              <EntryIcon type={row.entryType} />
              <PathText path={row.path.display} />
            </>
          ),
        },
        { id: "size", heading: t("common.size"), width: "92px", end: true, cell: (row) => (row.entryType === "file" ? <Size bytes={row.sizeBytes} /> : "") },
        { id: "reason", heading: t("restore.reason"), width: "minmax(0, 0.8fr)", cell: (row) => <span title={row.reason ?? undefined}>{row.reason}</span> },
      ]}
      rows={rows}
      total={preview.operationsTotal}
      rowKey={(row) => row.path.path}
      onMore={pages.more}
    />
  );
}

interface PreviewProps {
  preview: RestorePreview;
  stale: boolean;
  verify: boolean;
  onVerify: (verify: boolean) => void;
  onExpired: () => void;
}

function Preview({ preview, stale, verify, onVerify, onExpired }: PreviewProps) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const start = useAct("restore.start", {
    renews: ["job"],
    onDone: ({ jobId }) => void navigate({ to: "/activity/$jobId", params: { jobId } }),
    onFailed: (failure) => {
      setAsking(false);
      if (failure.details.code === "notFound") onExpired();
    },
  });
  const { counts } = preview;
  const work = counts.create + counts.replace + counts.metadata;
  const go = () => start.mutate({ previewId: preview.previewId, verify });
  return (
    <div className={styles.preview} aria-busy={stale} data-stale={stale || undefined}>
      {!preview.fits && (
        <Notice tone="bad" heading={t("restore.no_fit")}>
          <p>{t("restore.no_fit_text", { need: formatBytes(preview.writeBytes), free: formatBytes(preview.freeBytes ?? 0) })}</p>
        </Notice>
      )}
      {preview.warnings.map((warning) => (
        <Notice key={warning} tone="warn" heading={warning} />
      ))}
      {start.error && start.error.details.code !== "notFound" && <Trouble error={start.error.details} />}
      {work === 0 && preview.operationsTotal === 0 ? (
        <Empty icon={CircleCheck} heading={t("restore.nothing")}>
          {t("restore.nothing_text")}
        </Empty>
      ) : (
        <>
          <Counts preview={preview} />
          <div className={styles.go}>
            <Checkbox checked={verify} onChecked={onVerify} text={t("restore.verify")} note={t("restore.verify_note")} />
            <Button
              kind="primary"
              icon={Undo2}
              busy={start.isPending}
              disabled={!preview.fits || work === 0 || stale}
              onClick={() => (counts.replace > 0 ? setAsking(true) : go())}
            >
              {work === 0 ? t("restore.nothing") : t("restore.start", { count: work })}
            </Button>
          </div>
          <h3>{t("restore.operations")}</h3>
          <Operations preview={preview} />
        </>
      )}
      <Confirm open={asking} onClose={() => setAsking(false)} onConfirm={go} busy={start.isPending} danger heading={t("restore.replaces_confirm")} confirm={t("restore.do_replace")}>
        <p>{t("restore.replaces", { count: counts.replace })}</p>
        <p>{t("restore.replaces_text")}</p>
      </Confirm>
    </div>
  );
}

interface Asked {
  placeId: string;
  snapshotId: string;
  paths: PathValue[];
}

function BringBackForm({ placeId, snapshotId, paths }: Asked) {
  const [where, setWhere] = useState<"origin" | "folder">("origin");
  const [folder, setFolder] = useState<PathValue>({ path: "", display: "" });
  const [overwrite, setOverwrite] = useState<OverwriteMode>("ifDifferent");
  const [verify, setVerify] = useState(true);
  const [expired, setExpired] = useState(false);
  const target: RestoreTarget = where === "origin" ? { kind: "origin" } : { kind: "folder", path: folder.path };
  const ready = where === "origin" || folder.path !== "";
  const preview = useAskPlace("restore.preview", placeId, { snapshotId, paths: paths.map((path) => path.path), target, overwrite }, { enabled: ready, keep: true });
  return (
    <div className={styles.columns}>
      <div className={styles.choices}>
        <Radios
          label={t("restore.where")}
          value={where}
          onValue={setWhere}
          choices={[
            { value: "origin", text: t("restore.origin"), note: t("restore.origin_note") },
            { value: "folder", text: t("restore.folder"), note: t("restore.folder_note") },
          ]}
        />
        {where === "folder" && (
          <Field label={t("restore.folder_label")}>
            <FolderField value={folder} onValue={setFolder} />
          </Field>
        )}
        <Radios
          label={t("restore.mode")}
          value={overwrite}
          onValue={setOverwrite}
          choices={OVERWRITE.map((mode) => ({ value: mode, text: t(`restore.${mode}`), note: t(`restore.${mode}_note`) }))}
        />
      </div>
      <Section heading={t("restore.preview")}>
        {expired && <Notice tone="idle" heading={t("restore.expired")} />}
        {!ready && <p>{t("restore.folder_missing")}</p>}
        {ready && preview.error && <Trouble error={preview.error.details} placeId={placeId} onRetry={() => void preview.refetch()} />}
        {ready && !preview.error && !preview.data && <Loading />}
        {ready && !preview.error && preview.data && (
          <>
            {preview.isPlaceholderData && (
              <p role="status" className="only-spoken">
                {t("restore.computing")}
              </p>
            )}
            <Preview
              key={preview.data.previewId}
              preview={preview.data}
              stale={preview.isPlaceholderData || preview.isFetching}
              verify={verify}
              onVerify={setVerify}
              onExpired={() => {
                setExpired(true);
                void preview.refetch();
              }}
            />
          </>
        )}
      </Section>
    </div>
  );
}

/** The way back: the plan or the place this came from. */
function useCrumbs(planId: string | undefined, placeId: string | undefined) {
  const plan = useAsk("plan.get", { planId: planId ?? "" }, { enabled: planId !== undefined }).data;
  const place = useAsk("place.list", { health: false }).data?.places.find((candidate) => candidate.id === placeId);
  if (planId !== undefined) {
    return [
      { text: t("backup.heading"), link: { to: "/backup" as const } },
      ...(plan ? [{ text: plan.name, link: { to: "/backup/$planId" as const, params: { planId }, search: {} } }] : []),
    ];
  }
  return [
    { text: t("places.heading"), link: { to: "/places" as const } },
    ...(place ? [{ text: place.label, link: { to: "/places/$placeId" as const, params: { placeId: place.id }, search: {} } }] : []),
  ];
}

export function BringBackPage() {
  const { place, plan, snapshot, made } = useSearch({ from: "/backup/bring-back" });
  const state = useRouterState({ select: ({ location }) => location.state.bringBack });
  const paths = state?.paths ?? [];
  const crumbs = useCrumbs(plan, place);
  if (place === undefined || snapshot === undefined || state === undefined) {
    return (
      <Page heading={t("restore.heading")} crumbs={crumbs}>
        <Empty icon={History} heading={t("restore.no_snapshot")}>
          {t("restore.no_snapshot_text")}
        </Empty>
      </Page>
    );
  }
  return (
    <Page heading={t("restore.heading")} crumbs={crumbs} lead={<Lead paths={paths} made={made ?? 0} />}>
      <BringBackForm placeId={place} snapshotId={snapshot} paths={paths} />
    </Page>
  );
}

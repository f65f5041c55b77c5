/** One run: how it goes or went, what went wrong, its log, its receipt. */
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { CircleCheck, Copy, FileText, ReceiptText, Save } from "lucide-react";
import { useState } from "react";

import { call, isActive, saveText, useJob, type Job, type JobFact, type Receipt } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { DataGrid } from "../../components/DataGrid";
import { JobPanel, RetryButton } from "../../components/JobPanel";
import { tellDone, tellFailed } from "../../components/news";
import { Empty, Loading, Notice, Page } from "../../components/Page";
import { ServerQuestion } from "../../components/ServerQuestion";
import { Status } from "../../components/Status";
import { TabBar } from "../../components/TabBar";
import { Trouble, TroubleText } from "../../components/Trouble";
import { Facts, Moment, PathText, Size } from "../../components/Values";
import { copyText } from "../../lib/clipboard";
import { formatCount, formatDuration, formatExact } from "../../lib/format";
import { useAct, useAsk, usePages } from "../../lib/queries";
import { howItEnded, whatRanWhere } from "../../lib/runWords";
import { changedNothing, KIND } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./Activity.module.css";

function FactValue({ fact }: { fact: JobFact }) {
  return fact.isBytes ? <Size bytes={fact.value} /> : formatCount(fact.value);
}

function JobFacts({ job }: { job: Job }) {
  const time = [
    { name: t("job.started"), value: job.startedMs === null ? t("common.never") : <Moment at={job.startedMs} /> },
    ...(job.startedMs !== null && job.finishedMs !== null ? [{ name: t("job.took"), value: formatDuration(job.finishedMs - job.startedMs) }] : []),
    { name: t(job.sync === null ? "job.place" : "job.pair"), value: job.placeLabel },
  ];
  const facts = job.result?.facts ?? [];
  return <Facts columns facts={[...time, ...facts.map((fact) => ({ name: fact.label, value: <FactValue fact={fact} /> }))]} />;
}

/** What no problem means: that all was done only where it was. */
function noProblemsText(job: Job): string | undefined {
  if (job.state === "succeeded") return t("job.no_problems_text");
  return changedNothing(job) ? t("job.nothing_changed") : undefined;
}

function Problems({ job }: { job: Job }) {
  const jobId = job.id;
  const pages = usePages(
    ["job.problems", jobId],
    (offset, limit, signal) => call("job.problems", { jobId, offset, limit }, signal),
    (page) => ({ rows: page.problems, total: page.kept }),
  );
  if (pages.error) return <Trouble error={pages.error.details} onRetry={pages.again} />;
  if (!pages.first) return <Loading />;
  if (pages.rows.length === 0) {
    return (
      <Empty icon={CircleCheck} heading={t("job.no_problems")}>
        {noProblemsText(job)}
      </Empty>
    );
  }
  return (
    <>
      {pages.first.total > pages.first.kept && <Notice tone="idle" heading={t("job.problems_left_out", { kept: pages.first.kept, total: pages.first.total })} />}
      <DataGrid
        label={t("job.problems")}
        rowHeight={86}
        columns={[
          {
            id: "problem",
            heading: t("job.problems"),
            width: "minmax(0, 1fr)",
            cell: (row) => (
              <div className={styles.problem}>
                <PathText path={row.path} copyable />
                <span>
                  <span className={styles.problemWhat}>{row.what}</span> <span className={styles.quiet}>{row.why}</span>
                </span>
                <span>{t("job.problem_next", { next: row.next })}</span>
              </div>
            ),
          },
        ]}
        rows={pages.rows.map((row, index) => ({ ...row, index }))}
        total={pages.total}
        rowKey={(row) => String(row.index)}
        onMore={pages.more}
      />
    </>
  );
}

function Log({ job }: { job: Job }) {
  const pages = usePages(
    ["job.log", job.id],
    (offset, limit, signal) => call("job.log", { jobId: job.id, offset, limit }, signal),
    (page) => ({ rows: page.lines, total: page.total }),
    isActive(job) ? { renewEveryMs: 3000 } : {},
  );
  if (pages.error) return <Trouble error={pages.error.details} onRetry={pages.again} />;
  if (!pages.first) return <Loading />;
  return (
    <div className={styles.log} style={{ display: "contents" }}>
      <DataGrid
        label={t("job.log_lines")}
        rowHeight={28}
        columns={[
          { id: "time", heading: t("job.time"), width: "210px", cell: (row) => <code title={row.time}>{row.time}</code> },
          {
            id: "level",
            heading: t("job.level"),
            width: "72px",
            cell: (row) => (
              <code className={styles.level} data-level={row.level}>
                {row.level}
              </code>
            ),
          },
          { id: "text", heading: t("job.text"), width: "minmax(0, 1fr)", cell: (row) => <code title={row.text}>{row.text}</code> },
        ]}
        rows={pages.rows.map((row, index) => ({ ...row, index }))}
        total={pages.total}
        rowKey={(row) => String(row.index)}
        onMore={pages.more}
        empty={
          <Empty icon={FileText} heading={t("job.no_log")}>
            {t("job.no_log_text")}
          </Empty>
        }
      />
    </div>
  );
}

function ReceiptContent({ receipt }: { receipt: Receipt }) {
  const text = JSON.stringify(receipt, null, 2);
  return (
    <div className={styles.receipt}>
      {receipt.signatureValid ? (
        <p className={styles.lead}>
          <Status quiet tone="ok" word={t("receipt.valid")} />
          <span className={styles.quiet}>{t("receipt.valid_text")}</span>
        </p>
      ) : (
        <Notice tone="bad" heading={t("receipt.invalid")}>
          <p>{t("receipt.invalid_text")}</p>
        </Notice>
      )}
      <div className={styles.receiptActions}>
        <Button
          icon={Copy}
          onClick={() => {
            void copyText(text).then((worked) => {
              if (worked) tellDone(t("receipt.copied"));
              else tellFailed(t("key.copy_failed"));
            });
          }}
        >
          {t("receipt.copy")}
        </Button>
        <Button
          icon={Save}
          onClick={() => {
            saveText(t("receipt.file_name", { id: receipt.jobId.slice(0, 8) }), text, "application/json")
              .then((saved) => saved && tellDone(t("receipt.saved")))
              .catch((failure: unknown) => tellFailed(failure instanceof Error ? failure.message : String(failure)));
          }}
        >
          {t("receipt.save")}
        </Button>
      </div>
      <div>
        <h2>{t("receipt.asked")}</h2>
        <ul className={styles.lines}>
          {receipt.asked.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </div>
      {receipt.facts.length > 0 && (
        <div>
          <h2>{t("receipt.done")}</h2>
          <Facts facts={receipt.facts.map((fact) => ({ name: fact.label, value: <FactValue fact={fact} /> }))} />
        </div>
      )}
      {receipt.skipped.length > 0 && (
        <div>
          <h2>{t("receipt.skipped")}</h2>
          <ul className={styles.lines}>
            {receipt.skipped.map((skip) => (
              <li key={skip.reason}>{t("receipt.skip_line", { reason: skip.reason, count: skip.count })}</li>
            ))}
          </ul>
        </div>
      )}
      <Facts
        facts={[
          { name: t("job.started"), value: formatExact(receipt.startedMs) },
          { name: t("job.finished"), value: formatExact(receipt.finishedMs) },
          { name: t("job.problems"), value: formatCount(receipt.problemsTotal) },
          { name: t("receipt.host"), value: receipt.host },
          { name: t("receipt.program"), value: receipt.program },
          { name: t("receipt.root"), value: <span className={styles.code}>{receipt.merkleRoot}</span> },
          { name: t("receipt.key"), value: <span className={styles.code}>{receipt.publicKey}</span> },
          { name: t("receipt.signature"), value: <span className={styles.code}>{receipt.signature}</span> },
        ]}
      />
    </div>
  );
}

function ReceiptTab({ job }: { job: Job }) {
  const answer = useAsk("job.receipt", { jobId: job.id }, { enabled: job.hasReceipt });
  if (!job.hasReceipt) {
    return (
      <Empty icon={ReceiptText} heading={t("job.no_receipt")}>
        {t("job.no_receipt_text")}
      </Empty>
    );
  }
  if (answer.error) return <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading />;
  return <ReceiptContent receipt={answer.data} />;
}

type RunTab = "problems" | "log" | "receipt";

/** What one wants to see first: what went wrong, how it came to that, or the proof that it went well. */
function firstTab(job: Job): RunTab {
  if (isActive(job) || job.problems > 0) return "problems";
  if (job.error !== null || job.state === "interrupted") return "log";
  return job.hasReceipt ? "receipt" : "problems";
}

/** Why it did not end well. */
function Ending({ job }: { job: Job }) {
  const navigate = useNavigate();
  // Once the server is accepted, the same work is done.
  const retry = useAct("job.retry", { onDone: ({ jobId }) => void navigate({ to: "/activity/$jobId", params: { jobId } }) });
  if (job.state === "interrupted") {
    return (
      <Notice tone="bad" heading={t("job.interrupted_heading")}>
        <p>{t("job.interrupted_text")}</p>
      </Notice>
    );
  }
  if (job.error === null || job.state === "cancelled") return null;
  return (
    <Notice tone="bad" heading={job.error.message}>
      <TroubleText error={job.error} />
      <ServerQuestion error={job.error} onAccepted={() => retry.mutate({ jobId: job.id })} />
    </Notice>
  );
}

function Run({ job }: { job: Job }) {
  const [chosen, setChosen] = useState<RunTab>();
  const navigate = useNavigate();
  const active = isActive(job);
  const ended = howItEnded(job);
  const tab = chosen ?? firstTab(job);
  const snapshotId = job.kind === "backup" ? (job.result?.snapshotId ?? null) : null;
  return (
    <Page
      fixed
      heading={whatRanWhere(job)}
      crumbs={[{ text: t("activity.heading"), link: { to: "/activity" } }]}
      lead={
        <span className={styles.lead}>
          <Status tone={ended.tone} word={ended.text} />
          <span>{t(KIND[job.kind])}</span>
          {job.planId !== null && (
            <Link to="/backup/$planId" params={{ planId: job.planId }} search={{}}>
              {t("job.open_plan")}
            </Link>
          )}
          {job.pairId !== null && (
            <Link to="/sync/$pairId" params={{ pairId: job.pairId }} search={{}}>
              {t("job.open_pair")}
            </Link>
          )}
          {job.placeId !== null && (
            <Link to="/places/$placeId" params={{ placeId: job.placeId }} search={{}}>
              {t("job.open_place")}
            </Link>
          )}
        </span>
      }
      actions={
        <>
          {snapshotId !== null && job.placeId !== null && (
            <LinkButton
              {...(job.planId === null
                ? { to: "/places/$placeId" as const, params: { placeId: job.placeId }, search: { snapshot: snapshotId } }
                : { to: "/backup/$planId" as const, params: { planId: job.planId }, search: { snapshot: snapshotId } })}
            >
              {t("job.see_snapshot")}
            </LinkButton>
          )}
          <RetryButton
            job={job}
            onStarted={(jobId) => {
              tellDone(t("job.retried"));
              void navigate({ to: "/activity/$jobId", params: { jobId } });
            }}
          />
        </>
      }
    >
      {active && <JobPanel job={job} />}
      <Ending job={job} />
      {!active && <JobFacts job={job} />}
      <TabBar<RunTab>
        label={t("job.tabs")}
        value={tab}
        onValue={setChosen}
        tabs={[
          { value: "problems", text: t("job.problems"), count: formatCount(job.problems), content: <Problems key={job.problems} job={job} /> },
          { value: "log", text: t("job.log"), content: <Log job={job} /> },
          {
            value: "receipt",
            text: t("job.receipt"),
            content: (
              <div tabIndex={0} role="group" aria-label={t("job.receipt")} className={styles.scrolling}>
                <ReceiptTab job={job} />
              </div>
            ),
          },
        ]}
      />
    </Page>
  );
}

export function RunPage() {
  const { jobId } = useParams({ from: "/activity/$jobId" });
  const live = useJob(jobId);
  const answer = useAsk("job.get", { jobId }, { enabled: live === undefined });
  const job = live ?? answer.data;
  if (job) return <Run key={job.id} job={job} />;
  return (
    <Page heading={t("activity.heading")} crumbs={[{ text: t("activity.heading"), link: { to: "/activity" } }]}>
      {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : <Loading />}
    </Page>
  );
}

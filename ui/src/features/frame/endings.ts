/** Tells of runs that did not end well, wherever else the person is in the window. Good endings are quiet. */
import { onJobsEnded, type Job } from "../../api";
import { news } from "../../components/news";
import { t } from "../../text/text";

const SHOWN_MS = 15_000;

/** The heading of the news about a run; nothing where it needs none. */
export function endingNews(job: Job): string | undefined {
  if (job.state === "failed" || job.state === "interrupted") return t("ended.failed", { title: job.title });
  if (job.state === "succeededWithProblems") return t("ended.problems", { count: job.problems, title: job.title });
  return undefined;
}

/** To be called once. */
export function startEndings(): void {
  onJobsEnded((ended) => {
    for (const job of ended) {
      const title = endingNews(job);
      const seen = window.location.hash.includes(job.id);
      if (title === undefined || seen) continue;
      const id = news.add({
        title,
        description: job.error?.message,
        type: "bad",
        timeout: SHOWN_MS,
        actionProps: {
          children: t("ended.see"),
          onClick: () => {
            news.close(id);
            window.location.hash = `#/activity/${job.id}`;
          },
        },
      });
    }
  });
}

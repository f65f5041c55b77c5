/** Where one is in a form of several steps: seen as a line of titles, read aloud as one sentence. */
import styles from "./FormLayout.module.css";

export function Steps({ titles, now, spoken }: { titles: readonly string[]; now: number; spoken: string }) {
  return (
    <>
      <ol aria-hidden="true" className={styles.steps}>
        {titles.map((title, index) => (
          <li key={title} data-state={index < now ? "done" : index === now ? "now" : "later"}>
            {title}
          </li>
        ))}
      </ol>
      <p className="only-spoken" role="status">
        {spoken}
      </p>
    </>
  );
}

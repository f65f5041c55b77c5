/** Items a deed left as they are: which, why, and what to do. */
import type { ProblemRow } from "../../api";
import { Notice } from "../../components/Page";
import { PathText } from "../../components/Values";
import styles from "./Sync.module.css";

export function LeftAlone({ heading, problems }: { heading: string; problems: ProblemRow[] }) {
  return (
    <Notice alert tone="warn" heading={heading}>
      <ul className={styles.examples}>
        {problems.map((problem, index) => (
          <li key={index}>
            <PathText path={problem.path} />
            <p>
              {problem.what} {problem.why} {problem.next}
            </p>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

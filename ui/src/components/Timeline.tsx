/**
 * Snapshots along time: a column for each, as high as what it added.
 *
 * Hand-made SVG. The columns stand in the order of time at even distances, because what a person looks for is "the one
 * before that day", not the distance; the days stand below. Heights are a square root with a ceiling: small runs stay
 * visible beside the first, large one. Keyboard: one stop of the tab key, arrows move.
 */
import { useEffect, useRef, type KeyboardEvent } from "react";

import { formatBytes, formatDay, formatMoment } from "../lib/format";
import { ceilingOf, dayLabels, heightOf } from "../lib/timeline";
import { t } from "../text/text";
import styles from "./Timeline.module.css";

export interface TimelinePoint {
  id: string;
  at: number;
  addedBytes: number;
  problems: number;
}

const STEP = 18;
const WIDTH = 10;
const HEIGHT = 44;
const BASE = HEIGHT + 4;
const LABEL_ROOM = 76;
const TOTAL_HEIGHT = BASE + 22;

interface TimelineProps {
  /** Oldest first. */
  points: TimelinePoint[];
  currentId: string | undefined;
  onChoose: (id: string) => void;
  label: string;
}

export function Timeline({ points, currentId, onChoose, label }: TimelineProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const largest = ceilingOf(points.map((point) => point.addedBytes));
  const current = points.findIndex((point) => point.id === currentId);
  // Room behind the last column for its date.
  const width = points.length * STEP + LABEL_ROOM;

  useEffect(() => {
    const box = scroller.current;
    if (!box || current < 0) return;
    const x = current * STEP;
    if (x < box.scrollLeft + STEP || x > box.scrollLeft + box.clientWidth - 2 * STEP) box.scrollLeft = x - box.clientWidth / 2;
  }, [current]);

  const onKeyDown = (event: KeyboardEvent) => {
    const targets: Record<string, number> = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: points.length - 1 };
    const target = targets[event.key];
    if (target === undefined) return;
    const point = points[Math.max(0, Math.min(points.length - 1, target))];
    if (point) onChoose(point.id);
    event.preventDefault();
  };
  const chosen = points[current];
  return (
    <div className={styles.frame}>
      <p className={styles.legend}>{t("timeline.legend")}</p>
      <div
        ref={scroller}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={1}
        aria-valuemax={Math.max(1, points.length)}
        aria-valuenow={Math.max(1, current + 1)}
        aria-valuetext={chosen ? t("timeline.point", { when: formatMoment(chosen.at), size: formatBytes(chosen.addedBytes) }) : undefined}
        onKeyDown={onKeyDown}
        className={styles.scroller}
      >
        <svg width={width} height={TOTAL_HEIGHT} aria-hidden="true" className={styles.picture}>
          <line x1={0} x2="100%" y1={BASE} y2={BASE} className={styles.ground} />
          {dayLabels(points.map((point) => point.at), STEP).map(({ index, at }) => (
            <g key={index} transform={`translate(${index * STEP + STEP / 2}, 0)`}>
              <line x1={WIDTH / 2} x2={WIDTH / 2} y1={BASE} y2={BASE + 4} className={styles.ground} />
              <text x={WIDTH / 2 - 1} y={BASE + 17} className={styles.day}>
                {formatDay(at)}
              </text>
            </g>
          ))}
          {points.map((point, index) => {
            const height = heightOf(point.addedBytes, largest, HEIGHT);
            return (
              <g key={point.id} transform={`translate(${index * STEP + STEP / 2}, 0)`} onClick={() => onChoose(point.id)} className={styles.point} data-current={point.id === currentId || undefined}>
                <title>{t("timeline.point", { when: formatMoment(point.at), size: formatBytes(point.addedBytes) })}</title>
                <rect x={-(STEP - WIDTH) / 2} y={0} width={STEP} height={TOTAL_HEIGHT - 20} className={styles.target} />
                <rect x={0} y={BASE - height} width={WIDTH} height={height} rx={2} className={styles.column} />
                {point.problems > 0 && <path d={`M ${WIDTH / 2 - 4} ${BASE - height - 4} l 4 -7 l 4 7 z`} className={styles.problem} />}
              </g>
            );
          })}
        </svg>
      </div>
    </div>
  );
}

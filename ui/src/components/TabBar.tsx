/** Ways to look at one thing. The arrows move between them. */
import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";

import styles from "./TabBar.module.css";

interface Tab<Value extends string> {
  value: Value;
  text: string;
  /** How many there are behind it. */
  count?: string;
  content: ReactNode;
}

interface TabBarProps<Value extends string> {
  label: string;
  value: Value;
  onValue: (value: Value) => void;
  tabs: Tab<Value>[];
  /** Stands at the end of the line. */
  aside?: ReactNode;
}

export function TabBar<Value extends string>({ label, value, onValue, tabs, aside }: TabBarProps<Value>) {
  return (
    <Base.Root value={value} onValueChange={(next) => onValue(next as Value)} className={styles.root}>
      <div className={styles.line}>
        <Base.List aria-label={label} className={styles.list}>
          {tabs.map((tab) => (
            <Base.Tab key={tab.value} value={tab.value} className={styles.tab}>
              {tab.text}
              {tab.count !== undefined && <span className={styles.count}>{tab.count}</span>}
            </Base.Tab>
          ))}
        </Base.List>
        {aside}
      </div>
      {tabs.map((tab) => (
        <Base.Panel key={tab.value} value={tab.value} tabIndex={-1} className={styles.panel}>
          {tab.content}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}

/** Short news in the corner: something finished, something was copied. Nothing that must not be missed. */
import { Toast as Base } from "@base-ui/react/toast";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import type { ReactNode } from "react";

import { t } from "../text/text";
import { IconButton } from "./Button";
import { news } from "./news";
import styles from "./Overlay.module.css";
import status from "./Status.module.css";

function List() {
  const { toasts } = Base.useToastManager();
  return toasts.map((toast) => {
    const bad = toast.type === "bad";
    const Icon = bad ? CircleAlert : CircleCheck;
    return (
      <Base.Root key={toast.id} toast={toast} className={styles.toast}>
        <Icon aria-hidden="true" className={bad ? status.iconBad : status.iconOk} />
        <Base.Title className={styles.toastTitle} />
        <Base.Close render={<IconButton icon={X} label={t("common.close")} small />} />
        <Base.Description className={styles.toastText} />
        <Base.Action className={styles.toastAction} />
      </Base.Root>
    );
  });
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Base.Provider toastManager={news} timeout={6000} limit={4}>
      {children}
      <Base.Portal>
        <Base.Viewport className={styles.toasts}>
          <List />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  );
}

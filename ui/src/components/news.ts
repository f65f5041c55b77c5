/** What any part of the window calls to show short news (see Toasts). */
import { Toast } from "@base-ui/react/toast";

export const news = Toast.createToastManager();

/** Something went as asked. */
export function tellDone(title: string, description?: string): void {
  news.add({ title, description, type: "ok" });
}

/** Something went as asked, and a page of the window shows more of it. */
export function tellDoneAt(title: string, description: string | undefined, leads: { text: string; to: string }): void {
  const id = news.add({
    title,
    description,
    type: "ok",
    timeout: 10_000,
    actionProps: {
      children: leads.text,
      onClick: () => {
        news.close(id);
        window.location.hash = `#${leads.to}`;
      },
    },
  });
}

/** Something did not work. Stays longer. */
export function tellFailed(title: string, description?: string): void {
  news.add({ title, description, type: "bad", timeout: 15_000, priority: "high" });
}

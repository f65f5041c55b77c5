/** The pages and their addresses. The address lives behind the #, because the shell serves one file only. */
import { createHashHistory, createRootRoute, createRoute, createRouter, redirect, type ErrorComponentProps, type RouterHistory } from "@tanstack/react-router";

import { call } from "./api";
import { Button } from "./components/Button";
import { Notice, Page } from "./components/Page";
import { ActivityPage } from "./features/activity/ActivityPage";
import { readActivitySearch } from "./features/activity/filters";
import { RunPage } from "./features/activity/RunPage";
import { BackupPage } from "./features/backup/BackupPage";
import { PlanEditor } from "./features/backup/PlanEditor";
import { PlanPage } from "./features/backup/PlanPage";
import { readBrowseSearch } from "./features/browse/search";
import { Frame } from "./features/frame/Frame";
import { AddPlace } from "./features/places/AddPlace";
import { PlacePage } from "./features/places/PlacePage";
import { PlacesPage } from "./features/places/PlacesPage";
import { readPlaceSearch } from "./features/places/search";
import { BringBackPage } from "./features/restore/BringBackPage";
import { readBringBackSearch } from "./features/restore/request";
import { SettingsPage } from "./features/settings/SettingsPage";
import { ConflictPage } from "./features/sync/ConflictPage";
import { HubEditor } from "./features/sync/HubEditor";
import { PairEditor } from "./features/sync/PairEditor";
import { PairPage } from "./features/sync/PairPage";
import { PairWizard } from "./features/sync/PairWizard";
import { PlanPage as SyncPlanPage } from "./features/sync/PlanPage";
import { readNewPairSearch, readPairSearch } from "./features/sync/search";
import { SyncPage } from "./features/sync/SyncPage";
import { WelcomePage } from "./features/welcome/WelcomePage";
import { t } from "./text/text";

/** A fault of the window itself, not of the engine. */
function BrokenPage({ error, reset }: ErrorComponentProps) {
  return (
    <Page heading={t("trouble.broken_page")}>
      <Notice alert tone="bad" heading={error instanceof Error ? error.message : String(error)} actions={<Button onClick={reset}>{t("common.retry")}</Button>}>
        <p>{t("trouble.broken_page_means")}</p>
      </Notice>
    </Page>
  );
}

const root = createRootRoute({ component: Frame });
const page = <Path extends string>(path: Path) => ({ getParentRoute: () => root, path }) as const;

const routes = [
  createRoute({
    ...page("/"),
    beforeLoad: async () => {
      // Where the engine does not answer, the page says so itself.
      const due = await call("app.info", {}).then((info) => info.firstRunDue).catch(() => false);
      throw redirect({ to: due ? "/welcome" : "/backup", replace: true });
    },
  }),
  createRoute({ ...page("/welcome"), component: WelcomePage }),
  createRoute({ ...page("/backup"), component: BackupPage }),
  createRoute({ ...page("/backup/new"), component: PlanEditor }),
  createRoute({ ...page("/backup/$planId"), component: PlanPage, validateSearch: readBrowseSearch }),
  createRoute({ ...page("/backup/$planId/edit"), component: PlanEditor }),
  createRoute({ ...page("/backup/bring-back"), component: BringBackPage, validateSearch: readBringBackSearch }),
  createRoute({ ...page("/sync"), component: SyncPage }),
  createRoute({ ...page("/sync/new"), component: PairWizard, validateSearch: readNewPairSearch }),
  createRoute({ ...page("/sync/hub/$groupId"), component: HubEditor }),
  createRoute({ ...page("/sync/$pairId"), component: PairPage, validateSearch: readPairSearch }),
  createRoute({ ...page("/sync/$pairId/edit"), component: PairEditor }),
  createRoute({ ...page("/sync/$pairId/plan"), component: SyncPlanPage }),
  createRoute({ ...page("/sync/$pairId/conflict/$node"), component: ConflictPage }),
  createRoute({ ...page("/activity"), component: ActivityPage, validateSearch: readActivitySearch }),
  createRoute({ ...page("/activity/$jobId"), component: RunPage }),
  createRoute({ ...page("/places"), component: PlacesPage }),
  createRoute({ ...page("/places/add"), component: AddPlace }),
  createRoute({ ...page("/places/$placeId"), component: PlacePage, validateSearch: readPlaceSearch }),
  createRoute({ ...page("/settings"), component: SettingsPage }),
] as const;

const routeTree = root.addChildren(routes);

/** The pages, with the address kept where the history says. */
export function routerOf(history: RouterHistory) {
  return createRouter({ routeTree, history, defaultErrorComponent: BrokenPage });
}

export const router = routerOf(createHashHistory());

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

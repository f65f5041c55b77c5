// Made from crates/api by `KEEPWELL_EXPORT_TYPES=1 cargo test -p keepwell-api typescript`. Not to be edited.
import type { AppInfo } from "./AppInfo";
import type { BackupRun } from "./BackupRun";
import type { DiffPage } from "./DiffPage";
import type { Done } from "./Done";
import type { EntryPage } from "./EntryPage";
import type { FilePreview } from "./FilePreview";
import type { FilePreviewGet } from "./FilePreviewGet";
import type { FileVersions } from "./FileVersions";
import type { FileVersionsGet } from "./FileVersionsGet";
import type { FindPage } from "./FindPage";
import type { FirstRunStart } from "./FirstRunStart";
import type { FirstRunStarted } from "./FirstRunStarted";
import type { FolderList } from "./FolderList";
import type { FolderListing } from "./FolderListing";
import type { FolderSuggestions } from "./FolderSuggestions";
import type { Job } from "./Job";
import type { JobChanges } from "./JobChanges";
import type { JobChangesGet } from "./JobChangesGet";
import type { JobGet } from "./JobGet";
import type { JobList } from "./JobList";
import type { JobPage } from "./JobPage";
import type { JobPart } from "./JobPart";
import type { JobStarted } from "./JobStarted";
import type { LogPage } from "./LogPage";
import type { Nothing } from "./Nothing";
import type { Place } from "./Place";
import type { PlaceCheck } from "./PlaceCheck";
import type { PlaceForget } from "./PlaceForget";
import type { PlaceGet } from "./PlaceGet";
import type { PlaceList } from "./PlaceList";
import type { PlaceListGet } from "./PlaceListGet";
import type { PlaceRename } from "./PlaceRename";
import type { Plan } from "./Plan";
import type { PlanGet } from "./PlanGet";
import type { PlanList } from "./PlanList";
import type { PlanRemove } from "./PlanRemove";
import type { PlanRun } from "./PlanRun";
import type { PlanSave } from "./PlanSave";
import type { ProblemPage } from "./ProblemPage";
import type { Receipt } from "./Receipt";
import type { Replica } from "./Replica";
import type { ReplicaGet } from "./ReplicaGet";
import type { ReplicaList } from "./ReplicaList";
import type { ReplicaListGet } from "./ReplicaListGet";
import type { ReplicaRun } from "./ReplicaRun";
import type { ReplicaSave } from "./ReplicaSave";
import type { RepositoryAdd } from "./RepositoryAdd";
import type { RepositoryCreate } from "./RepositoryCreate";
import type { RepositoryCreated } from "./RepositoryCreated";
import type { RepositoryInfo } from "./RepositoryInfo";
import type { RepositoryInfoGet } from "./RepositoryInfoGet";
import type { RepositoryKeyAdd } from "./RepositoryKeyAdd";
import type { RepositoryKeyAdded } from "./RepositoryKeyAdded";
import type { RepositoryKeyRemove } from "./RepositoryKeyRemove";
import type { RepositoryKeys } from "./RepositoryKeys";
import type { RepositoryReplicate } from "./RepositoryReplicate";
import type { RestoreOperations } from "./RestoreOperations";
import type { RestoreOperationsGet } from "./RestoreOperationsGet";
import type { RestorePreview } from "./RestorePreview";
import type { RestorePreviewGet } from "./RestorePreviewGet";
import type { RestoreStart } from "./RestoreStart";
import type { SchedulerStatus } from "./SchedulerStatus";
import type { ServerAccept } from "./ServerAccept";
import type { ServerForget } from "./ServerForget";
import type { ServerForgotten } from "./ServerForgotten";
import type { ServerLook } from "./ServerLook";
import type { ServerSeen } from "./ServerSeen";
import type { Settings } from "./Settings";
import type { SettingsSet } from "./SettingsSet";
import type { SnapshotDiff } from "./SnapshotDiff";
import type { SnapshotFiles } from "./SnapshotFiles";
import type { SnapshotFind } from "./SnapshotFind";
import type { SnapshotList } from "./SnapshotList";
import type { SnapshotPage } from "./SnapshotPage";
import type { SyncApply } from "./SyncApply";
import type { SyncBinGet } from "./SyncBinGet";
import type { SyncBinPage } from "./SyncBinPage";
import type { SyncBinRemove } from "./SyncBinRemove";
import type { SyncBinRestore } from "./SyncBinRestore";
import type { SyncChoose } from "./SyncChoose";
import type { SyncChosen } from "./SyncChosen";
import type { SyncConflictGet } from "./SyncConflictGet";
import type { SyncConflictPage } from "./SyncConflictPage";
import type { SyncConflictView } from "./SyncConflictView";
import type { SyncConflictsGet } from "./SyncConflictsGet";
import type { SyncFolders } from "./SyncFolders";
import type { SyncFoldersGet } from "./SyncFoldersGet";
import type { SyncGroupGet } from "./SyncGroupGet";
import type { SyncHold } from "./SyncHold";
import type { SyncHubChange } from "./SyncHubChange";
import type { SyncHubSave } from "./SyncHubSave";
import type { SyncMerge } from "./SyncMerge";
import type { SyncPair } from "./SyncPair";
import type { SyncPairGet } from "./SyncPairGet";
import type { SyncPairPause } from "./SyncPairPause";
import type { SyncPairSave } from "./SyncPairSave";
import type { SyncPairs } from "./SyncPairs";
import type { SyncPlanGet } from "./SyncPlanGet";
import type { SyncPlanPage } from "./SyncPlanPage";
import type { SyncResolve } from "./SyncResolve";
import type { SyncResolved } from "./SyncResolved";
import type { SyncRun } from "./SyncRun";
import type { SyncRunPage } from "./SyncRunPage";
import type { SyncRunsGet } from "./SyncRunsGet";
import type { SyncSharedRules } from "./SyncSharedRules";
import type { SyncSharedRulesSave } from "./SyncSharedRulesSave";
import type { SyncUndo } from "./SyncUndo";

/** Every command: what it takes and what it answers. */
export interface Commands {
  /** What the program is, where its state is, whether the first questions are due. */
  "app.info": { request: Nothing; answer: AppInfo };
  /** The settings. */
  "settings.get": { request: Nothing; answer: Settings };
  /** Replaces the settings. */
  "settings.set": { request: SettingsSet; answer: Settings };
  /** Folders worth protecting and drives copies may go to. */
  "folder.suggestions": { request: Nothing; answer: FolderSuggestions };
  /** The folders in a folder of this machine. */
  "folder.list": { request: FolderList; answer: FolderListing };
  /** Makes repository, place and plan from three answers and starts the first backup. */
  "firstRun.start": { request: FirstRunStart; answer: FirstRunStarted };
  /** The person does not want the questions now. */
  "firstRun.skip": { request: Nothing; answer: Done };
  /** Makes a new repository and its place. */
  "repository.create": { request: RepositoryCreate; answer: RepositoryCreated };
  /** Adds a repository that exists as a place. */
  "repository.add": { request: RepositoryAdd; answer: Place };
  /** What a repository says about itself. */
  "repository.info": { request: RepositoryInfoGet; answer: RepositoryInfo };
  /** The passwords and recovery keys that open it. */
  "repository.keys": { request: RepositoryInfoGet; answer: RepositoryKeys };
  /** Adds a password or makes a recovery key. */
  "repository.keyAdd": { request: RepositoryKeyAdd; answer: RepositoryKeyAdded };
  /** Takes a password or recovery key out of use. */
  "repository.keyRemove": { request: RepositoryKeyRemove; answer: Done };
  /** Keeps a repository a second time somewhere, now. */
  "repository.replicate": { request: RepositoryReplicate; answer: JobStarted };
  /** The second places repositories are kept in. */
  "replica.list": { request: ReplicaListGet; answer: ReplicaList };
  /** Makes or changes a replica; nothing is copied yet. */
  "replica.save": { request: ReplicaSave; answer: Replica };
  /** Forgets a replica; what is in the second place stays. */
  "replica.remove": { request: ReplicaGet; answer: Done };
  /** Runs a replica now. */
  "replica.run": { request: ReplicaRun; answer: JobStarted };
  /** All places, with their health if asked for. */
  "place.list": { request: PlaceListGet; answer: PlaceList };
  /** One place with its health. */
  "place.get": { request: PlaceGet; answer: Place };
  /** Gives a place another name. */
  "place.rename": { request: PlaceRename; answer: Place };
  /** Forgets a place; deletes nothing there. */
  "place.forget": { request: PlaceForget; answer: Done };
  /** Starts a check. */
  "place.check": { request: PlaceCheck; answer: JobStarted };
  /** Looks which key the server at an address shows. */
  "server.look": { request: ServerLook; answer: ServerSeen };
  /** Accepts the key a person saw, of a server of which none is known. */
  "server.accept": { request: ServerAccept; answer: Done };
  /** Takes back what was accepted of a server. */
  "server.forget": { request: ServerForget; answer: ServerForgotten };
  /** All plans. */
  "plan.list": { request: Nothing; answer: PlanList };
  /** One plan. */
  "plan.get": { request: PlanGet; answer: Plan };
  /** Makes or changes a plan. */
  "plan.save": { request: PlanSave; answer: Plan };
  /** Removes a plan; its snapshots stay. */
  "plan.remove": { request: PlanRemove; answer: Done };
  /** Runs a plan now. */
  "plan.run": { request: PlanRun; answer: JobStarted };
  /** What the scheduler is about to do. */
  "scheduler.status": { request: Nothing; answer: SchedulerStatus };
  /** Starts one backup without a plan. */
  "backup.run": { request: BackupRun; answer: JobStarted };
  /** Snapshots, newest first. */
  "snapshot.list": { request: SnapshotList; answer: SnapshotPage };
  /** One folder of a snapshot. */
  "snapshot.files": { request: SnapshotFiles; answer: EntryPage };
  /** What differs between two snapshots. */
  "snapshot.diff": { request: SnapshotDiff; answer: DiffPage };
  /** Names in all snapshots. */
  "snapshot.find": { request: SnapshotFind; answer: FindPage };
  /** Every version of one path. */
  "file.versions": { request: FileVersionsGet; answer: FileVersions };
  /** The start of a file, or a small picture. */
  "file.preview": { request: FilePreviewGet; answer: FilePreview };
  /** What a restore would do. */
  "restore.preview": { request: RestorePreviewGet; answer: RestorePreview };
  /** More of what it would do. */
  "restore.operations": { request: RestoreOperationsGet; answer: RestoreOperations };
  /** Starts the very plan that was shown. */
  "restore.start": { request: RestoreStart; answer: JobStarted };
  /** All pairs of places kept in step. */
  "sync.pairs": { request: Nothing; answer: SyncPairs };
  /** One pair. */
  "sync.pair": { request: SyncPairGet; answer: SyncPair };
  /** Makes or changes a pair. */
  "sync.pairSave": { request: SyncPairSave; answer: SyncPair };
  /** The folders in a folder of two places, to choose from. */
  "sync.folders": { request: SyncFoldersGet; answer: SyncFolders };
  /** The rules of what is left out that lie in the places of a pair. */
  "sync.sharedRules": { request: SyncPairGet; answer: SyncSharedRules };
  /** Writes them to both places. */
  "sync.sharedRulesSave": { request: SyncSharedRulesSave; answer: SyncSharedRules };
  /** Forgets a pair; both places stay as they are. */
  "sync.pairRemove": { request: SyncPairGet; answer: Done };
  /** Holds a pair, or lets it go on. */
  "sync.pairPause": { request: SyncPairPause; answer: SyncPair };
  /** Holds all pairs, or those of a hub, or lets them go on. */
  "sync.hold": { request: SyncHold; answer: SyncPairs };
  /** Makes several pairs with the same first place, or adds places to such a hub. */
  "sync.hubSave": { request: SyncHubSave; answer: SyncPairs };
  /** Changes how pairs of a hub work, all at once or none. */
  "sync.hubChange": { request: SyncHubChange; answer: SyncPairs };
  /** Runs all pairs of a hub now. */
  "sync.hubRun": { request: SyncGroupGet; answer: SyncPairs };
  /** Forgets all pairs of a hub; all places stay as they are. */
  "sync.hubRemove": { request: SyncGroupGet; answer: Done };
  /** Runs a pair now, or looks first. */
  "sync.run": { request: SyncRun; answer: JobStarted };
  /** Rows of the plan of a run that waits. */
  "sync.plan": { request: SyncPlanGet; answer: SyncPlanPage };
  /** Skips rows of the plan, turns them round, or takes that back. */
  "sync.choose": { request: SyncChoose; answer: SyncChosen };
  /** Lets a run that waits go on. */
  "sync.apply": { request: SyncApply; answer: Job };
  /** What waits for a decision. */
  "sync.conflicts": { request: SyncConflictsGet; answer: SyncConflictPage };
  /** One conflict, both sides of it. */
  "sync.conflict": { request: SyncConflictGet; answer: SyncConflictView };
  /** Decides conflicts, and runs the pair. */
  "sync.resolve": { request: SyncResolve; answer: SyncResolved };
  /** Merges the changes of both texts of a conflict into one, and runs the pair. */
  "sync.merge": { request: SyncMerge; answer: SyncResolved };
  /** What sync replaced or removed and still keeps. */
  "sync.bin": { request: SyncBinGet; answer: SyncBinPage };
  /** Brings things back from the bin, as a run of its own. */
  "sync.binRestore": { request: SyncBinRestore; answer: JobStarted };
  /** Removes things from the bin for good. */
  "sync.binRemove": { request: SyncBinRemove; answer: JobStarted };
  /** The runs of a pair that changed something. */
  "sync.runs": { request: SyncRunsGet; answer: SyncRunPage };
  /** Undoes a whole run, and pauses the pair so that the next one is looked at first. */
  "sync.undo": { request: SyncUndo; answer: JobStarted };
  /** Jobs, newest first. */
  "job.list": { request: JobList; answer: JobPage };
  /** One job. */
  "job.get": { request: JobGet; answer: Job };
  /** Waits for changes of jobs; the whole picture first. */
  "job.changes": { request: JobChangesGet; answer: JobChanges };
  /** Stops a job. */
  "job.cancel": { request: JobGet; answer: Job };
  /** Holds a job. */
  "job.pause": { request: JobGet; answer: Job };
  /** Lets a held job go on. */
  "job.resume": { request: JobGet; answer: Job };
  /** Holds every job of this process. */
  "job.pauseAll": { request: Nothing; answer: Done };
  /** Lets every held job go on. */
  "job.resumeAll": { request: Nothing; answer: Done };
  /** Lets a halted job go on although its brake was pulled. */
  "job.confirm": { request: JobGet; answer: Job };
  /** Asks for the same work again, as a new job. */
  "job.retry": { request: JobGet; answer: JobStarted };
  /** The problems of a job. */
  "job.problems": { request: JobPart; answer: ProblemPage };
  /** The log of a job. */
  "job.log": { request: JobPart; answer: LogPage };
  /** The signed receipt of a finished job. */
  "job.receipt": { request: JobGet; answer: Receipt };
}

/** The name of a command. */
export type CommandName = keyof Commands;

/** All names, in the order of the table. */
export const commandNames: readonly CommandName[] = [
  "app.info",
  "settings.get",
  "settings.set",
  "folder.suggestions",
  "folder.list",
  "firstRun.start",
  "firstRun.skip",
  "repository.create",
  "repository.add",
  "repository.info",
  "repository.keys",
  "repository.keyAdd",
  "repository.keyRemove",
  "repository.replicate",
  "replica.list",
  "replica.save",
  "replica.remove",
  "replica.run",
  "place.list",
  "place.get",
  "place.rename",
  "place.forget",
  "place.check",
  "server.look",
  "server.accept",
  "server.forget",
  "plan.list",
  "plan.get",
  "plan.save",
  "plan.remove",
  "plan.run",
  "scheduler.status",
  "backup.run",
  "snapshot.list",
  "snapshot.files",
  "snapshot.diff",
  "snapshot.find",
  "file.versions",
  "file.preview",
  "restore.preview",
  "restore.operations",
  "restore.start",
  "sync.pairs",
  "sync.pair",
  "sync.pairSave",
  "sync.folders",
  "sync.sharedRules",
  "sync.sharedRulesSave",
  "sync.pairRemove",
  "sync.pairPause",
  "sync.hold",
  "sync.hubSave",
  "sync.hubChange",
  "sync.hubRun",
  "sync.hubRemove",
  "sync.run",
  "sync.plan",
  "sync.choose",
  "sync.apply",
  "sync.conflicts",
  "sync.conflict",
  "sync.resolve",
  "sync.merge",
  "sync.bin",
  "sync.binRestore",
  "sync.binRemove",
  "sync.runs",
  "sync.undo",
  "job.list",
  "job.get",
  "job.changes",
  "job.cancel",
  "job.pause",
  "job.resume",
  "job.pauseAll",
  "job.resumeAll",
  "job.confirm",
  "job.retry",
  "job.problems",
  "job.log",
  "job.receipt",
];

/** The escaped form of a path a person typed (paths from answers are escaped already). */
export const pathFromText = (text: string): string => text.replaceAll("%", "%25");

/**
 * What the window has asked of the engine, kept and renewed.
 *
 * Keys are the command and its request, so that a change can make everything of a noun stale. Passwords a person gave
 * for this session stay in memory here, outside the keys. Deliberately not here: running jobs (api/jobs).
 */
import {
  QueryClient,
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  type UseQueryResult,
} from "@tanstack/react-query";

import { call, Failure, onJobsEnded, type CommandName, type Commands, type RepositoryAddress } from "../api";

type Request<Name extends CommandName> = Commands[Name]["request"];
type Answer<Name extends CommandName> = Commands[Name]["answer"];

/** The commands that are about one repository. */
type RepositoryCommand = {
  [Name in CommandName]: Request<Name> extends { repository: RepositoryAddress } ? Name : never;
}[CommandName];

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) => error instanceof Failure && error.details.retry && count < 2,
      refetchOnWindowFocus: false,
    },
  },
});

const passwords = new Map<string, string>();

/** Keeps a password a person gave, until the window closes, and asks again what failed for the want of it. */
export function keepPassword(placeId: string, password: string): void {
  passwords.set(placeId, password);
  void queryClient.invalidateQueries();
}

/** The address of a place's repository for a request. */
export function repositoryOf(placeId: string): RepositoryAddress {
  const password = passwords.get(placeId);
  return password === undefined ? { placeId } : { placeId, password };
}

/**
 * Makes everything stale that begins with one of these words (`plan`, `place`, `snapshot`, …), and asks anew what is in
 * sight. A first answer that is still under way may be older than what changed, and asking anew would only wait for it:
 * so it is given up.
 */
export function renew(...nouns: string[]): void {
  const concerned = ({ queryKey }: { queryKey: readonly unknown[] }) => nouns.some((noun) => String(queryKey[0]).startsWith(`${noun}.`));
  const first = queryClient.cancelQueries({ predicate: (query) => concerned(query) && query.state.data === undefined });
  void first.then(() => queryClient.invalidateQueries({ predicate: concerned }));
}

/** After a job, what it may have changed is asked again. */
export function startRenewing(): void {
  onJobsEnded(() => renew("plan", "sync", "place", "replica", "snapshot", "file", "job", "repository", "scheduler"));
}

interface AskOptions {
  enabled?: boolean;
  /** Keeps showing the last answer while another question is under way. */
  keep?: boolean;
  renewEveryMs?: number;
}

/** Asks a command and keeps its answer. */
export function useAsk<Name extends CommandName>(name: Name, request: Request<Name>, options: AskOptions = {}): UseQueryResult<Answer<Name>, Failure> {
  return useQuery<Answer<Name>, Failure>({
    queryKey: [name, request],
    queryFn: ({ signal }) => call(name, request, signal),
    enabled: options.enabled ?? true,
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
    ...(options.renewEveryMs === undefined ? {} : { refetchInterval: options.renewEveryMs }),
  } as Parameters<typeof useQuery<Answer<Name>, Failure>>[0]);
}

/** Asks a command about a place's repository. */
export function useAskPlace<Name extends RepositoryCommand>(
  name: Name,
  placeId: string,
  request: Omit<Request<Name>, "repository">,
  options: AskOptions = {},
): UseQueryResult<Answer<Name>, Failure> {
  return useQuery<Answer<Name>, Failure>({
    queryKey: [name, placeId, request],
    queryFn: ({ signal }) => call(name, { repository: repositoryOf(placeId), ...request }, signal),
    enabled: options.enabled ?? true,
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
  } as Parameters<typeof useQuery<Answer<Name>, Failure>>[0]);
}

const PAGE_ROWS = 200;

export interface Pages<Row, Extra = unknown> {
  rows: Row[];
  total: number;
  /** The first answer whole, for what it says beside the rows. */
  first: Extra | undefined;
  error: Failure | null;
  isPending: boolean;
  isFetching: boolean;
  more: () => void;
  again: () => void;
}

/** Asks a paged command page by page, as the list is scrolled. */
export function usePages<Row, Whole>(
  key: readonly unknown[],
  read: (offset: number, limit: number, signal: AbortSignal) => Promise<Whole>,
  take: (whole: Whole) => { rows: Row[]; total: number },
  options: { enabled?: boolean; keep?: boolean; renewEveryMs?: number } = {},
): Pages<Row, Whole> {
  const query = useInfiniteQuery<Whole, Failure, { pages: Whole[] }, readonly unknown[], number>({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => read(pageParam, PAGE_ROWS, signal),
    initialPageParam: 0,
    getNextPageParam: (last, all) => {
      const loaded = all.reduce((sum, page) => sum + take(page).rows.length, 0);
      return take(last).rows.length > 0 && loaded < take(last).total ? loaded : undefined;
    },
    enabled: options.enabled ?? true,
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
    ...(options.renewEveryMs === undefined ? {} : { refetchInterval: options.renewEveryMs }),
  });
  const pages = query.data?.pages ?? [];
  return {
    rows: pages.flatMap((page) => take(page).rows),
    total: pages.length > 0 ? take(pages[pages.length - 1] as Whole).total : 0,
    first: pages[0],
    error: query.error,
    isPending: query.isPending,
    isFetching: query.isFetching,
    more: () => {
      if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
    },
    again: () => void query.refetch(),
  };
}

interface ActOptions<Name extends CommandName> {
  /** The nouns that are stale afterwards. */
  renews?: string[];
  onDone?: (answer: Answer<Name>, request: Request<Name>) => void;
  onFailed?: (failure: Failure) => void;
}

/** Runs a command that changes something. */
export function useAct<Name extends CommandName>(name: Name, options: ActOptions<Name> = {}) {
  return useMutation<Answer<Name>, Failure, Request<Name>>({
    mutationFn: (request) => call(name, request),
    onSuccess: (answer, request) => {
      if (options.renews) renew(...options.renews);
      options.onDone?.(answer, request);
    },
    ...(options.onFailed ? { onError: options.onFailed } : {}),
  });
}

/** Every bound of the ledger by name: what one host, one day or one page may take. */
export const ledgerLimits = {
  hosts_max: 1_000,
  enroll_tokens_max: 100,
  /** How long an enrolment token is good for, in seconds. */
  enroll_token_life: 3_600,
  /** Numbered streams that are remembered of one host; a host begins one each time it loses its database. */
  streams_per_host_max: 16,
  /**
   * A host's share, by weight (weight.ts: an address counts 1): what it may hold at a time, which is half of Cloudflare's
   * list; and what it may newly ban, so much at once and then so much an hour. A host that has just been enrolled may
   * once tell all that it may hold.
   */
  held_per_host_max: 5_000,
  bans_burst: 2_000,
  bans_per_hour_max: 1_000,
  /** With so many bans of all hosts, those that hold an equal part of them or more take up no new ones. */
  bans_crowded: 100_000,
  /** How long status tells of bans that a share has refused, after the last one, in seconds. */
  refusal_told: 3_600,
  /** Events of one host: so many at once, and then so many a minute. */
  events_burst: 10_000,
  events_per_minute_max: 3_000,
  /**
   * Rows that hosts may cost a day, as parts of those that may be written: where there is one, most of them; else some are
   * divided among all, each one's own, and of the others, which are for all, each may take so much of what the rest have
   * left. A tenth is the operator's and the ledger's. Below the floor no others are counted.
   */
  allowance_alone: 0.8,
  allowance_own: 0.3,
  allowance_common: 0.6,
  allowance_take: 0.75,
  allowance_floor: 0.02,
  /** How often it is written down that a host is refused for it, in seconds. */
  allowance_told: 600,
  /**
   * What is known to be written for a request and what follows it (its host's row, alarms, enforcement), for a ban from
   * its beginning until its row is purged, for a failure; rows read are that many times cheaper.
   */
  rows_per_request: 5,
  rows_per_change: 8,
  rows_per_failure: 3,
  rows_read_per_written: 50,
  /** Requests that are remembered, so that none counts twice. */
  nonces_max: 200_000,
  /** Signed requests of one host. */
  requests_burst: 600,
  requests_per_minute_max: 600,
  /** Changes that one host is told because it is behind: so many at once, and then so many a minute. */
  feed_changes_burst: 200_000,
  feed_changes_per_minute_max: 1_000,
  /** Events of the kind failure that count of one host, so many at once and then so many a minute. */
  failures_burst: 600,
  failures_per_minute_max: 300,
  /** Counters of the fleet: at the most (by so many there may be more for a while), and the fleet's own bans. */
  fleet_counters_max: 50_000,
  fleet_counters_slack: 1_000,
  fleet_bans_burst: 500,
  fleet_bans_per_minute_max: 10,
  fleet_held_max: 5_000,
  /** Enrolments that fail from one address (IPv6: a /64), and of how many addresses that is remembered. */
  enrolments_burst: 10,
  enrolments_per_minute_max: 10,
  enrolling_addresses_max: 1_000,
  /** Acts that the ledger's own record keeps, and on one page of it. */
  acts_max: 10_000,
  acts_page_max: 500,
  /** Of the record's newest acts, those that the story of an address looks through, and tells. */
  acts_searched_max: 2_000,
  acts_shown_max: 20,
  /** Bans of an address, past ones too, that its story tells. */
  held_shown_max: 200,
  /** Logins that fail from one address (IPv6: a /64). */
  logins_burst: 10,
  logins_per_minute_max: 5,
  /** Entries of the allow list that the ledger keeps, beside those of the var ALLOW. */
  allowed_max: 1_000,
  /** Replaced keys that are remembered of one host, so that they never come back. */
  spent_keys_per_host_max: 100,
  /** A host may replace its key so often at once, and then so often a minute. */
  rotations_burst: 5,
  rotations_per_minute_max: 0.1,
  /**
   * The brake is set when hosts have newly made more bans (by weight) in a minute than so many, and than so many times
   * the mean of the hour before; bans of hosts that were enrolled in the last hour do not count, for they tell all that they have.
   * It is released when bans have not jumped for so long, in seconds; and not set again for an hour after the operator
   * has released it.
   */
  brake_bans_min: 600,
  brake_factor: 10,
  brake_calm: 900,
  brake_look: 60,
  brake_off: 3_600,
  newly_enrolled: 3_600,
  /** For so long hosts are not told that enforcement fails: most troubles pass. */
  ability_patience: 300,
  /** Addresses of one host that are never banned; how long one must be unseen before another takes its place, and is forgotten. */
  addresses_per_host_max: 8,
  host_address_step: 43_200,
  host_address_rest: 86_400,
  host_address_life: 30 * 86_400,
  /** Bans on one page of the operator's list. */
  bans_page_max: 1_000,
  /** Bans that an empty ledger takes over from Cloudflare and KV (recovery.ts). */
  recovered_max: 20_000,
  /** Holders shown of one address. */
  holders_shown_max: 1_000,
  /** Changes sent to one host at a time, in pages; the rest follows with the alarm. */
  feed_pages_per_push_max: 40,
} as const;

/** The host id, name and jail of what is banned for its failures at several hosts. */
export const fleetName = 'fleet';

/** The host id, name and jail of the operator's own bans. */
export const operatorName = 'operator';

/** The host id of bans whose ledger was lost (recovery.ts). */
export const recoveredName = 'recovered';

/** How the work of the alarm is paced, in seconds unless named otherwise. */
export const pace = {
  /** KV takes one write of a key in a second. */
  snapshot_gap_min: 1.1,
  /** KV's free plan has 1,000 writes a day, for all Workers of the account: a full bucket and a day's refill are 820. */
  snapshot_writes_burst: 100,
  snapshot_write_refill: 120,
  /** The snapshot goes from KV by itself if the ledger has been silent so long (at least; KV's expirationTtl). */
  snapshot_ttl: 7 * 86_400,
  /** It is written again after so long even if nothing has changed: heals an emptied KV. */
  snapshot_refresh: 86_400,
  enforcement_gap_min: 0.25,
  /** Cloudflare's ranges are asked for so often, and so soon after it failed. */
  ranges_every: 86_400,
  ranges_retry: 3_600,
  /** After a stage of the alarm has failed. */
  retry_after: 10,
  /** Old tokens are swept so often. */
  sweep_every: 600,
  /** Lifted and ended holders are kept so long for hosts that were away; who stays away longer begins anew. */
  tombstone_life: 7 * 86_400,
  purge_every: 86_400,
  /** After so many changes they go sooner: a host that bans and unbans without end may not fill the disk. */
  changes_per_purge_max: 50_000,
  tombstone_life_crowded: 600,
  /** A ban that ends rings no alarm of its own for so long: KV, hosts and the gate know its end, Cloudflare's list follows. */
  expiry_gather: 5,
  /** Holders that end, in one transaction and in one run of the alarm. */
  expire_batch: 500,
  expire_batches_max: 20,
  /** The roll's pages are written anew after so many changes: what a ledger that wakes has to read. */
  roll_changes_max: 1_000,
} as const;

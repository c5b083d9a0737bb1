/*
 * The cache protocol (ARCHITECTURE.md §5) as one next-state relation, for Spin.
 *
 * What is modelled: one identifier, which shares its slot of the sketch with nothing; W writers, of which writer 0 writes
 * through the node that we watch; that node's change knowledge (src/resolution/change-knowledge.ts), its follower, its memory
 * cache and one look-up at a time, which a second may join; Redis as an adversary that keeps one entry, made by another
 * node at any moment, and gives it whenever it likes, forever. Time is ticks; the bound T is one tick.
 *
 *   writer    begins (takes its transaction id), locks, commits or rolls back, is acknowledged later
 *   poll      is sent, takes its snapshot, comes back and is applied: three steps with anything between them
 *   look-up   asks memory, then Redis, then the database: asked, snapshot, reply
 *   crash     Postgres loses what was running and gives those transaction ids out again (-DCRASH)
 *   waiting   writes are acknowledged only when more than T has passed since they were committed (-DWAIT)
 *   forgets   the exact map of recent versions and the memory cache may drop what they hold at any time
 *
 * What must hold (assert in JUDGE): a look-up that began more than T after a write was acknowledged is never answered with
 * an older version; one that began at our node after our own write was acknowledged is never answered with an older one;
 * one that began after any write was acknowledged that waited is never answered with an older one. Without look-ups that
 * join (-DNOJOIN) the largest search is half as large.
 *
 * A variant is the protocol with one thing wrong; every one must be caught (tests/model/variants.ts says with how many
 * writers). Not modelled: prefixes, epochs, pruning, several identifiers. The simulation has those.
 */
#ifndef W
#define W 2
#endif
#ifndef LAST_TICK
#define LAST_TICK 3
#endif
#define T 1
#define NEVER 15

/* ---- Postgres ---- */
#define IDLE 0
#define BEGUN 1
#define LOCKED 2
#define COMMITTED 3
#define ENDED 4 /* rolled back, or lost in a crash */
byte state[W];
byte xid[W];
byte made[W];         /* the version that the writer made */
byte acknowledged[W]; /* tick */
#ifdef WAITSHORT
#define WAIT
#endif
#ifdef WAIT
byte committed[W];    /* tick */
#endif
byte next_xid = 1;
byte newest;          /* version in the table */
bit locked;
bit crashed;
byte tick;

/* ---- what our node knows of changes ---- */
bit has_polled;
byte poll_started;    /* tick at which the last poll that came back was sent */
byte mark;
byte seen;            /* bit per writer: rows that were applied */
bit has_recent;       /* the exact map knows the identifier ... */
byte recent;          /* ... in this version */
byte sketch;          /* latest transaction id known to have changed the identifier */
byte own;             /* version of our own write, until a poll comes back that was sent after it */
byte cursor;          /* only variants: where the next poll reads from */

/* ---- the poll under way ---- */
#define NO_POLL 0
#define SENT 1
#define READ 2
byte poll;
byte poll_sent;
bit poll_knows_own;   /* sent after our own write was noted */
byte poll_rows;
byte poll_mark;
byte poll_cursor;

/* ---- memory cache, and the entry that Redis keeps ---- */
bit has_kept;
byte kept;
bit has_shared;
byte shared_version;
byte shared_stamp;

/* ---- the look-up under way, and one that joined it ---- */
#define NO_LOOK 0
#define ASKED 1
#define GIVEN 2   /* Redis has answered */
#define MISSED 3  /* memory and Redis are passed */
#define FLYING 4  /* the database has answered, the reply is under way */
byte look;
byte look_since;
byte look_knows;  /* bit per writer: acknowledged before it began, ours or one that waited */
byte look_version;
byte look_stamp;
byte flight_since;
bit overtaken;    /* a change became known since the flight began */
bit has_joined;
byte joined_since;
byte joined_knows;

/* scratch, zero between steps */
byte i;
byte x;
byte m;
bit ok;

#define EACH(step) i = 0; do :: i < W -> step; i++ :: else -> break od; i = 0
#define MAX(variable, value) if :: (value) > variable -> variable = (value) :: else fi
#define FORGET_KEPT_BELOW(version) if :: has_kept && kept < (version) -> has_kept = 0; kept = 0 :: else fi

/* x: every transaction below it has ended */
#define XMIN x = next_xid; EACH(if :: (state[i] == BEGUN || state[i] == LOCKED) && xid[i] < x -> x = xid[i] :: else fi)

/* m: 1 + the largest committed id below xmin. It is durable, so that no crash gives it out again. */
#define MARK XMIN; m = 0; EACH(if :: state[i] == COMMITTED && xid[i] < x -> MAX(m, xid[i] + 1) :: else fi)

#ifdef NOFRESH
#define IS_FRESH has_polled
#else
#define IS_FRESH (has_polled && tick - poll_started <= T)
#endif

/* ok: the entry may be used */
#ifdef TRUSTL2
#define VALIDATE(version, stamp) ok = 1
#else
#define VALIDATE(version, stamp) \
  if :: has_recent -> ok = ((version) >= recent) :: else -> ok = ((stamp) > sketch) fi; \
  if :: (version) < own -> ok = 0 :: else fi
#endif

/* The stamp of a fill: what the filling node knows before it asks. m: its mark, x: the snapshot's xmin. */
#ifdef XMAXSTAMP
#define STAMP next_xid
#else
#ifdef XMINSTAMP
#define STAMP x
#else
#define STAMP m
#endif
#endif

#ifdef NOJOIN
#define OVERTAKE skip
#else
#define OVERTAKE overtaken = (look == FLYING || look == MISSED)
#endif

/* A change of the identifier has become known: to the sketch, the memory cache and flights. */
#define NOTE(writer) MAX(sketch, xid[writer]); FORGET_KEPT_BELOW(made[writer]); OVERTAKE

#define LEARN(writer) \
  if :: !has_recent || recent < made[writer] -> has_recent = 1; recent = made[writer] :: else fi; \
  NOTE(writer)

/* After our own commit: rejects older entries, and is no reason to accept any. */
#ifdef OWNLATE
#define OWN_COMMITTED LEARN(0)
#else
#ifdef OWNSEEN
#define OWN_COMMITTED if :: !(seen & 1) -> seen = seen | 1; LEARN(0) :: else fi
#else
#define OWN_COMMITTED own = made[0]; NOTE(0)
#endif
#endif

#ifdef WAIT
#define NOTE_KNOWN(knows) EACH(if :: acknowledged[i] != NEVER -> knows = knows | (1 << i) :: else fi)
#else
#define NOTE_KNOWN(knows) knows = (acknowledged[0] != NEVER)
#endif

#define JUDGE_ONE(version, since, knows) \
  EACH( \
    assert(!(((knows >> i) & 1) && (version) < made[i])); \
    assert(!(acknowledged[i] != NEVER && (since) > acknowledged[i] + T && (version) < made[i])))

#define JUDGE(version) \
  JUDGE_ONE(version, look_since, look_knows); \
  if :: has_joined -> JUDGE_ONE(version, joined_since, joined_knows) :: else fi

#define END_LOOK \
  look = NO_LOOK; look_since = 0; look_knows = 0; look_version = 0; look_stamp = 0; flight_since = 0; overtaken = 0; \
  has_joined = 0; joined_since = 0; joined_knows = 0

/* When a write may be acknowledged, and what is noted for that. */
#ifdef WAIT
#define NOTE_COMMIT(k) committed[k] = tick
#ifdef WAITSHORT
#define MAY_BE_ACKNOWLEDGED(k) (tick >= committed[k] + T)
#else
#define MAY_BE_ACKNOWLEDGED(k) (tick > committed[k] + T)
#endif
#else
#define NOTE_COMMIT(k) skip
#define MAY_BE_ACKNOWLEDGED(k) true
#endif

/* Remote writers are alike: they begin in order. */
#define IS_NEXT(k) (k <= 1 || state[k - 1] != IDLE)

#define WRITER(k) \
  :: d_step { state[k] == IDLE && IS_NEXT(k) -> state[k] = BEGUN; xid[k] = next_xid; next_xid++ } \
  :: d_step { state[k] == BEGUN && !locked -> state[k] = LOCKED; locked = 1 } \
  :: d_step { state[k] == LOCKED -> newest++; made[k] = newest; state[k] = COMMITTED; locked = 0; NOTE_COMMIT(k) } \
  :: d_step { state[k] == LOCKED -> state[k] = ENDED; locked = 0; xid[k] = 0 } \
  :: d_step { state[k] == COMMITTED && acknowledged[k] == NEVER && MAY_BE_ACKNOWLEDGED(k) -> acknowledged[k] = tick; \
      if :: k == 0 -> OWN_COMMITTED :: else fi }

/* Where a poll reads from. */
#ifdef SEQFEED
#define IS_NEW_ROW (xid[i] > cursor)
#define NEXT_CURSOR EACH(if :: state[i] == COMMITTED -> MAX(poll_cursor, xid[i]) :: else fi)
#else
#ifdef XMINPOLL
#define IS_NEW_ROW (xid[i] >= cursor)
#define NEXT_CURSOR poll_cursor = x
#else
#define IS_NEW_ROW (xid[i] >= mark)
#define NEXT_CURSOR skip
#endif
#endif

/* One row of a poll. */
#ifdef REDELIVER
#define IS_TO_BE_APPLIED(writer) ((poll_rows >> writer) & 1)
#else
#define IS_TO_BE_APPLIED(writer) (((poll_rows >> writer) & 1) && !((seen >> writer) & 1))
#endif
#define APPLY_ROW(writer) \
  if :: IS_TO_BE_APPLIED(writer) -> \
    seen = seen | (1 << writer); \
    LEARN(writer) \
  :: else fi

#define FINISH_POLL \
  if :: poll_knows_own -> own = 0 :: else fi; \
  has_polled = 1; cursor = poll_cursor; MAX(mark, poll_mark); NOTE_START; \
  poll = NO_POLL; poll_sent = 0; poll_knows_own = 0; poll_rows = 0; poll_mark = 0; poll_cursor = 0

#ifdef POLLEND
#define NOTE_START poll_started = tick
#else
#define NOTE_START poll_started = poll_sent
#endif

active proctype protocol() {
  d_step { EACH(acknowledged[i] = NEVER) }
  do
  :: d_step { tick < LAST_TICK -> tick++ }

  WRITER(0)
  WRITER(1)
#if W > 2
  WRITER(2)
#endif

#ifdef CRASH
  :: d_step { !crashed -> crashed = 1; locked = 0; next_xid = 1;
      EACH(
        if :: state[i] == BEGUN || state[i] == LOCKED -> state[i] = ENDED; xid[i] = 0 :: else fi;
        if :: state[i] == COMMITTED -> MAX(next_xid, xid[i] + 1) :: else fi) }
#endif

  /* another node fills Redis */
  :: d_step { !has_shared -> MARK; has_shared = 1; shared_version = newest; shared_stamp = STAMP; x = 0; m = 0 }

  :: d_step { poll == NO_POLL -> poll = SENT; poll_sent = tick; poll_knows_own = (own != 0) }
  :: d_step { poll == SENT -> poll = READ; MARK; poll_mark = m; poll_cursor = cursor; NEXT_CURSOR;
      EACH(if :: state[i] == COMMITTED && IS_NEW_ROW -> poll_rows = poll_rows | (1 << i) :: else fi);
      x = 0; m = 0 }
#ifdef ROWBYROW
  /* rows in the order of their ids (of two writers, the lower first), the exact map forgetting between them */
  :: d_step { poll == READ && xid[0] < xid[1] -> APPLY_ROW(0); has_recent = 0; recent = 0; APPLY_ROW(1); FINISH_POLL }
  :: d_step { poll == READ && xid[0] >= xid[1] -> APPLY_ROW(1); has_recent = 0; recent = 0; APPLY_ROW(0); FINISH_POLL }
#else
  :: d_step { poll == READ ->
      APPLY_ROW(0); APPLY_ROW(1);
#if W > 2
      APPLY_ROW(2);
#endif
      FINISH_POLL }
#endif

  :: d_step { has_recent -> has_recent = 0; recent = 0 }
  :: d_step { has_kept -> has_kept = 0; kept = 0 }

  :: d_step { look == NO_LOOK -> look = ASKED; look_since = tick; NOTE_KNOWN(look_knows) }
  :: d_step { look == ASKED && IS_FRESH && has_kept -> JUDGE(kept); END_LOOK }
  :: d_step { look == ASKED && has_shared -> look = GIVEN; look_version = shared_version; look_stamp = shared_stamp }
  /* whether it is fresh is asked after the reply came */
  :: d_step { look == GIVEN ->
      VALIDATE(look_version, look_stamp);
      if
      :: ok && IS_FRESH -> JUDGE(look_version); has_kept = 1; kept = look_version; END_LOOK
      :: else -> look = MISSED; look_version = 0; look_stamp = 0
      fi;
      ok = 0 }
  :: d_step { (look == ASKED || look == MISSED) ->
#ifdef XMINSTAMP
      XMIN;
#else
      m = mark;
#endif
      look = FLYING; look_version = newest; look_stamp = STAMP; flight_since = look_since; x = 0; m = 0 }
#ifndef NOJOIN
  /* single flight: joined while young, and while nothing has become known since it began */
  :: d_step { look == FLYING && !has_joined &&
#ifndef JOINOLD
      tick - flight_since <= T &&
#endif
#ifndef JOINOVERTAKEN
      !overtaken &&
#endif
      true -> has_joined = 1; joined_since = tick; NOTE_KNOWN(joined_knows) }
#endif
  :: d_step { look == FLYING ->
      JUDGE(look_version);
      VALIDATE(look_version, look_stamp);
#ifdef BLINDL1
      ok = 1;
#endif
      if :: ok && has_polled -> has_kept = 1; kept = look_version :: else fi;
      END_LOOK; ok = 0 }
  od
}

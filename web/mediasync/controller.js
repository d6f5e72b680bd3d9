// Decides what a player has to do to be where the session is. It knows no DOM: it gets the facts and answers with actions.
//
// A start is prepared: the player is paused where the session will be, and told to play a little before the moment, by as
// much as it takes to begin. So are jumps over more than a correction by speed can make good in time. Everything smaller is
// corrected by speed until nothing is left; between corrections the film runs at its own speed.

import { clamp } from "./numbers.js";

const kSeekBeyond = 0.3; // seconds off
const kWorthASeek = 0.04; // when speed has not helped
const kSlowAfter = 10; // seconds that speed has to help
const kCatchUp = 0.15; // so late a start is made at once, and corrected by speed
const kRest = 0.8;
const kHorizon = 1.5; // a correction aims to be done in so many seconds …
const kKeptHorizon = 0.6; // … or in these, where the pitch is kept in any case
const kBriskBeyond = 0.02;
const kBrisk = 0.1; // share of the speed that a correction takes or adds, with the pitch kept, to make good more than that …
const kGentle = 0.004; // … and otherwise: 7 cents of pitch, which nobody hears …
const kKept = 0.03; // … or where the pitch is kept in any case
const kLeastNudge = 0.001;
const kGrown = 3;
const kPitchJump = 0.02; // what a player loses when it begins to keep the pitch at another speed than 1
const kNoise = [0.003, 0.008]; // errors below are not told from noise; the bounds of where that is
const kMostTolerance = 0.06;
const kDone = 0.0005;
const kSettle = 0.4; // after a start, before the error is believed
const kInStep = 0.03;
const kCalm = 10; // in step for so long: what happened before does not count any more
const kMaxBackOff = 60;
const kFar = 10; // seconds off, which no speed makes good: it is tried again after …
const kFarRest = 8; // … so many at the most
const kExact = 0.002;
const kPatience = 1; // some players get ready only when they are told to play: phones, WebKitGTK …
const kArrivalPatience = 5; // … but not while data arrives for others
const kTeaches = 0.1; // smaller changes of speed say little of what they cost
const kLeastRate = 0.0625; // browsers refuse others
const kMostRate = 16;
const kSlowTicks = 0.5; // seconds between two looks: the page is hidden, and what is prepared is missed
const kStuck = 2; // without data while the session goes on: what lies ahead may be there

// The share of the session's speed that makes good an error. To keep the pitch costs something where it was not kept before, so
// that is done only for a correction that needs it.
function nudgeFor(error, rate) {
  const isBig = Math.abs(error) > kBriskBeyond;
  if (rate !== 1) return share(error, kKeptHorizon * rate, isBig ? kBrisk : kKept);
  const brisk = isBig ? share(error + kPitchJump, kHorizon, kBrisk) : 0;
  return Math.abs(brisk) > kGentle ? brisk : share(error, kHorizon, kGentle);
}

const share = (error, horizon, most) => Math.sign(error) * clamp(Math.abs(error) / horizon, kLeastNudge, most);

// An estimate learnt from one outcome to the next: how long something takes, and by how much that varies.
class Learnt {
  constructor(mean, deviation) {
    this.mean = mean;
    this.deviation = deviation;
  }

  add(value) {
    this.deviation += 0.25 * (Math.abs(value - this.mean) - this.deviation);
    this.mean += 0.25 * (value - this.mean);
  }

  get most() {
    return this.mean + 2 * this.deviation;
  }
}

export class Controller {
  #seekTime = new Learnt(0.25, 0.05);
  #startTime = 0.07; // from the command to play until the film moves
  #rateTime = 0.07; // from the command until the film goes on at another speed
  #decidedAt = -Infinity;
  #isSlow = false;
  #rate = null; // of the session, when it was last followed
  #rateTaught = null; // by how much the speed has changed: the error that is left teaches #rateTime
  #blindUntil = 0; // a correction is made that is known beforehand
  #lastError = 0;
  #tolerance = 0; // errors that a correction by speed would not make smaller
  #corrected = null; // the error that the last one was for
  #unreadySince = null; // when it is to play
  #starvedSince = null; // while it plays
  #seekAsked = null; // when
  #soughtTo = null;
  #start = null; // {at, position}: prepared; local time
  #launched = false; // the player was told to play, ahead of the moment
  #startedAt = -Infinity;
  #expected = null; // error after the last start, from how late it was made; null: it has taught what it could
  #nudge = 0;
  #restUntil = 0; // after a correction, for its outcome to be seen
  #offSince = null;
  #backOff = 0;
  #seekAllowedAt = 0;
  #calmSince = null;

  rateChanges = 0;
  corrections = 0; // by a seek

  // A generous estimate of how long a seek takes here.
  get seekTime() {
    return this.#seekTime.most;
  }

  get startTime() {
    return this.#startTime;
  }

  // There is a new command: what was prepared, and what had failed, is for the old one.
  renew() {
    this.#start = null;
    this.#launched = false;
    this.#soughtTo = null;
    this.#backOff = 0;
    this.#seekAllowedAt = 0;
    this.#unreadySince = this.#starvedSince = null;
    if (this.#blindUntil === 0) this.#stopNudging();
  }

  // The player has done something by itself: it stalled, or somebody else moved it.
  disturb(now) {
    this.#startedAt = now;
    this.#expected = this.#rateTaught = this.#soughtTo = null;
    this.#stopNudging();
  }

  // `now`: local time. `goal`: {positionAt(localTime), rate, isPlaying, startsAt: local time, or null when it plays
  // already}. `player`: {paused, seeking, ready: could play now, isArriving: data is, currentTime, seen: what a
  // PositionEstimator says}.
  // Answers {rate, keepsPitch, seek: a position or null, play: true, false, or null to leave it as it is, error: seconds that the
  // player is behind or null, looksAnew: what was seen until now says nothing any more, wakeAt: local time or null}.
  decide(now, goal, player) {
    this.#isSlow = now - this.#decidedAt > kSlowTicks;
    this.#decidedAt = now;
    this.#noteSeek(now, player);
    const answer = { rate: goal.rate, keepsPitch: true, seek: null, play: null, error: null, looksAnew: false, wakeAt: null };
    if (!goal.isPlaying) this.#stand(goal.positionAt(now), player, answer, now);
    else if (goal.startsAt !== null && goal.startsAt > now) this.#await(now, goal, player, answer);
    else if (player.paused) this.#begin(now, goal, player, answer);
    else this.#follow(now, goal, player, answer);
    return answer;
  }

  // Learns how long a seek took, until the player could play.
  #noteSeek(now, player) {
    if (this.#seekAsked === null || player.seeking || !player.ready) return;
    const took = now - this.#seekAsked;
    if (took < kArrivalPatience) this.#seekTime.add(took); // an outage says nothing of the next seek
    this.#seekAsked = null;
  }

  #seekTo(position, answer, now) {
    answer.seek = position;
    this.#soughtTo = position;
    this.#seekAsked = now;
  }

  // Once for each position: some can only be reached nearly.
  #stand(position, player, answer, now) {
    this.#start = this.#rate = null;
    this.#stopNudging();
    if (!player.paused) answer.play = false;
    if (player.seeking) return;
    answer.error = position - player.currentTime;
    if (Math.abs(answer.error) > kExact && this.#soughtTo !== position) this.#seekTo(position, answer, now);
  }

  #await(now, goal, player, answer) {
    if (this.#launched) return;
    if (!this.#start || Math.abs(this.#start.at - goal.startsAt) > kExact) this.#prepare(goal.startsAt, goal, answer, player, now);
    this.#launch(now, player, answer);
  }

  #prepare(at, goal, answer, player, now) {
    this.#rate = this.#rateTaught = null;
    this.#lastError = 0;
    this.#stopNudging();
    const position = goal.positionAt(at);
    this.#start = { at, position };
    if (!player.paused) answer.play = false;
    if (Math.abs(player.currentTime - position) > kExact && this.#soughtTo !== position) this.#seekTo(position, answer, now);
  }

  // Plays what is prepared when it is time.
  #launch(now, player, answer) {
    const due = this.#start.at - this.#startTime;
    if (now < due) {
      answer.wakeAt = due;
    } else if (answer.seek === null && this.#mayPlay(now, player)) {
      answer.play = true;
      this.#launched = true;
      this.#startedAt = this.#start.at;
      this.#expected = now - due;
      this.#start = null;
    }
  }

  // The session plays and the player does not.
  #begin(now, goal, player, answer) {
    if (!this.#mayPlay(now, player)) return;
    const due = this.#start ? this.#start.at - this.#startTime : null;
    if (due !== null && now < due + kCatchUp) return this.#launch(now, player, answer);
    const late = goal.positionAt(now + this.#startTime) - player.currentTime;
    if (Math.abs(late) < kCatchUp || !player.ready) {
      answer.play = true;
      this.#start = null;
      this.#startedAt = now;
      this.#expected = late;
      return;
    }
    if (this.#start && this.#isSlow) return this.#beginAhead(now, goal, answer);
    this.#prepare(now + this.#lead(), goal, answer, player, now);
  }

  // Nobody looks when it would be time: it plays at once, from where the session will be when the seek is done.
  #beginAhead(now, goal, answer) {
    answer.play = true;
    this.#start = null;
    this.#startedAt = now;
    this.#expected = null;
    this.#seekTo(goal.positionAt(now + this.#seekTime.mean), answer, now);
  }

  #mayPlay(now, player) {
    if (player.ready && !player.seeking) {
      this.#unreadySince = null;
      return true;
    }
    this.#unreadySince ??= now;
    return now - this.#unreadySince >= (player.isArriving ? kArrivalPatience : kPatience);
  }

  // A start that was missed is followed by one with more time.
  #lead() {
    const lead = clamp(this.#seekTime.most + this.#startTime + 0.05 + this.#backOff / 4, 0.1, 8);
    this.#backOff = Math.min(kMaxBackOff, Math.max(1, 2 * this.#backOff));
    return lead;
  }

  #follow(now, goal, player, answer) {
    this.#start = null;
    this.#noteRate(now, goal, answer);
    this.#applyNudge(goal, answer);
    if (player.seeking || !player.ready) return this.#skip(now, goal, player, answer);
    this.#starvedSince = null;
    if (player.seen === null) return;
    const error = goal.positionAt(now) - player.seen.position;
    answer.error = this.#lastError = error;
    if (now - this.#startedAt < kSettle || this.#isBlind(now, goal, answer)) return;
    this.#learnStart(error);
    this.#learnRate(error);
    if (this.#mustSeek(now, error)) return this.#correctBySeek(now, goal, player, answer);
    this.#correctBySpeed(now, error, player.seen.error, goal, answer);
    this.#applyNudge(goal, answer);
  }

  // A film that waits for what never comes is sent to where the session has got to.
  #skip(now, goal, player, answer) {
    this.#starvedSince ??= now;
    const isLost = now - this.#starvedSince > Math.max(player.seeking ? kArrivalPatience : kStuck, this.#backOff);
    if (!isLost || Math.abs(goal.positionAt(now) - player.currentTime) < kSeekBeyond) return;
    this.#starvedSince = null;
    this.#correctBySeek(now, goal, player, answer);
  }

  // Another speed takes effect a little late, and what that costs is made good in advance.
  #noteRate(now, goal, answer) {
    const from = this.#rate;
    this.#rate = goal.rate;
    if (from === null || from === goal.rate) return;
    const change = goal.rate - from;
    const error = this.#lastError + this.#rateTime * change + (from === 1 ? kPitchJump : 0);
    answer.looksAnew = true;
    if (Math.abs(error) > kSeekBeyond) return;
    this.#rateTaught = Math.abs(change) < kTeaches ? null : change;
    this.#setNudge(nudgeFor(error, goal.rate));
    this.#blindUntil = now + Math.abs(error / (this.#nudge * goal.rate));
  }

  // While what is seen is not yet what was commanded.
  #isBlind(now, goal, answer) {
    if (this.#blindUntil === 0) return false;
    if (now < this.#blindUntil) {
      answer.wakeAt = this.#blindUntil;
      return true;
    }
    this.#blindUntil = 0;
    this.#startedAt = now; // to be believed when it has settled
    this.#setNudge(0);
    this.#applyNudge(goal, answer);
    answer.looksAnew = true;
    return true;
  }

  #learnRate(error) {
    if (this.#rateTaught === null) return;
    const missed = error / this.#rateTaught;
    this.#rateTaught = null;
    if (Math.abs(error) < kSeekBeyond) this.#rateTime = clamp(this.#rateTime + 0.5 * missed, 0, 0.3);
  }

  // Players keep the pitch by cutting sound into pieces and joining them anew, and that begins with a jump. For a change of
  // pitch that nobody hears it is better left off.
  #applyNudge(goal, answer) {
    answer.rate = clamp(goal.rate * (1 + this.#nudge), kLeastRate, kMostRate);
    answer.keepsPitch = goal.rate !== 1 || Math.abs(this.#nudge) > kGentle;
  }

  #learnStart(error) {
    if (this.#expected === null) return;
    const missed = error - this.#expected;
    this.#expected = null;
    if (Math.abs(missed) < kSeekBeyond) this.#startTime = clamp(this.#startTime + 0.5 * missed, 0, 0.5);
  }

  #mustSeek(now, error) {
    if (Math.abs(error) < kWorthASeek) this.#offSince = null;
    else this.#offSince ??= now;
    if (now < this.#seekAllowedAt) return false;
    return Math.abs(error) > kSeekBeyond || (this.#offSince !== null && now - this.#offSince > kSlowAfter);
  }

  // Each one that does not help makes the next one wait twice as long, and meanwhile speed does what it can.
  #correctBySeek(now, goal, player, answer) {
    this.corrections += 1;
    this.#stopNudging();
    this.#prepare(now + this.#lead(), goal, answer, player, now);
    const isFar = Math.abs(goal.positionAt(now) - player.currentTime) > kFar;
    this.#seekAllowedAt = now + (isFar ? Math.min(kFarRest, 2 * this.#backOff) : 2 * this.#backOff);
    answer.rate = goal.rate;
  }

  // One speed for a whole correction, since each change can be heard.
  #correctBySpeed(now, error, noise, { rate }, answer) {
    const size = Math.abs(error);
    this.#noteCalm(now, size);
    if (this.#nudge === 0) {
      if (now >= this.#restUntil && this.#isWorthIt(size, noise)) this.#beginNudge(error, rate);
    } else if (this.#isDone(error, rate)) {
      this.#setNudge(0);
      this.#restUntil = now + kRest;
    } else if (this.#isTooSlow(error, rate)) {
      this.#setNudge(nudgeFor(error, rate));
    }
    if (this.#nudge !== 0) answer.wakeAt = now + Math.abs(this.#left(error, rate) / (this.#nudge * rate));
  }

  #beginNudge(error, rate) {
    this.#corrected = Math.abs(error);
    this.#setNudge(nudgeFor(error, rate));
  }

  // Some players lose more by each change of speed than a correction makes good (WebKitGTK): they are left alone with small errors.
  #isWorthIt(size, noise) {
    if (this.#corrected !== null) {
      const hasHelped = size < Math.max(this.#corrected / 2, kNoise[1]);
      this.#tolerance = hasHelped ? this.#tolerance / 2 : Math.min(kMostTolerance, Math.max(2 * this.#tolerance, size));
      this.#corrected = null;
    }
    return size > Math.max(clamp(3 * noise, ...kNoise), this.#tolerance);
  }

  // The error that is left to correct: the end of a correction, too, takes effect a little late.
  #left(error, rate) {
    return error - this.#rateTime * this.#nudge * rate;
  }

  #isDone(error, rate) {
    const left = this.#left(error, rate);
    return Math.sign(left) !== Math.sign(this.#nudge) || Math.abs(left) < kDone;
  }

  // The error has grown under the correction.
  #isTooSlow(error, rate) {
    return Math.abs(nudgeFor(error, rate)) > kGrown * Math.abs(this.#nudge);
  }

  #setNudge(share) {
    this.#nudge = share;
    this.rateChanges += 1;
  }

  #noteCalm(now, size) {
    if (size > kInStep) {
      this.#calmSince = null;
      return;
    }
    this.#calmSince ??= now;
    if (now - this.#calmSince > kCalm) this.#backOff = 0;
  }

  #stopNudging() {
    this.#corrected = null;
    this.#blindUntil = 0;
    if (this.#nudge !== 0) this.#setNudge(0);
    this.#restUntil = 0;
    this.#offSince = null;
  }
}

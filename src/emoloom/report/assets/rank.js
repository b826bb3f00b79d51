"use strict";
// The ranking rule of ranking/rule.py over the parts of each score; no page is needed to test it.
// Weights are scaled to a sum of 1; a part that is undefined leaves no score. Of equal scores the one with its
// skill less far below 0 is first (the uncut score); where that is equal too they share a rank.
// An entry has one pair of parts for each training that it is the mean of.
globalThis.emoloomRank = (entries, weights) => {
  const total = weights.labels + weights.vad;
  const [labels, vad] = [weights.labels / total, weights.vad / total];
  const each = (part, least) => {
    if ((labels > 0 && part.labels === null) || (vad > 0 && part.skill === null)) return null;
    return labels * (part.labels ?? 0) + vad * Math.max(part.skill ?? 0, least);
  };
  const mean = (entry, least) => {
    const scores = entry.parts.map((part) => each(part, least));
    if (!scores.length || scores.includes(null)) return null;
    return scores.reduce((sum, one) => sum + one, 0) / scores.length;
  };
  // As standing.TIE_DECIMALS: sums may differ in their last bits.
  const rounded = (value) => (value === null ? null : Number(value.toFixed(12)));
  const scored = entries.map((entry) => ({
    ...entry, score: rounded(mean(entry, 0)), uncut: rounded(mean(entry, -Infinity)),
  }));
  const ranked = scored.filter((entry) => entry.kind === "candidate" && entry.score !== null);
  const before = (one, other) => one.score > other.score || (one.score === other.score && one.uncut > other.uncut);
  const better = (entry) => ranked.filter((other) => before(other, entry)).length;
  return scored.map((entry) => ({ ...entry, rank: ranked.includes(entry) ? 1 + better(entry) : null }));
};

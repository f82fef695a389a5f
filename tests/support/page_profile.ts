/**
 * Profiles of pages.
 *
 * @module
 */

import { Model } from "../../page/model.ts";
import { type Profile as PageProfile, profileOf } from "../../page/profile.ts";
import { INITIAL, type State } from "../../page/state.ts";
import { toPageData } from "../../src/profile/page_data.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { buildProfile, type Stack } from "./build_profile.ts";

/** Returns a page's profile of samples, which are 1 ms apart. */
export function pageProfile(...stacks: Stack[]): PageProfile {
  return fromProfile(buildProfile(stacks));
}

/** Converts a profile to that of a page. */
export function fromProfile(profile: Profile): PageProfile {
  const data = toPageData(profile, "a title");
  return profileOf(JSON.parse(JSON.stringify(data)));
}

/** Returns the model of a profile in a state. */
export function modelOf(
  profile: PageProfile,
  state: Partial<State> = {},
): Model {
  const model = new Model(profile);
  model.state = { ...INITIAL, ...state };
  return model;
}

/** Returns the index of the frame with a name. */
export function frameOf({ frames }: PageProfile, name: string): number {
  return frames.findIndex((frame) => frame.name === name);
}

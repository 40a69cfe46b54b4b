// Options that many commands share, so that they are called and explained alike.
import { Option } from 'commander';

export const jsonOption = (): Option => new Option('--json', 'print one JSON document');
export const researcherDirOption = (): Option =>
  new Option('--dir <dir>', "the researcher's directory (default: $WARDROUND_HOME, else ./wardround-researcher)");
export const fingerprintOption = (): Option =>
  new Option('--fingerprint <digits>', "the federation's fingerprint, heard by telephone; needed the first time");
export const coordinatorOption = (): Option => new Option('--coordinator <url>', "the coordinator's address");
export const invitationOption = (): Option => new Option('--invitation <code>', 'the invitation that you were given');

export interface Json {
  readonly json?: true;
}

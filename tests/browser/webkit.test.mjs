// Two people in WebKitGTK.
import { launch } from './browsers/webkit.mjs';
import { testTwoPeople } from './browsers/two_people.mjs';

testTwoPeople('WebKitGTK', launch);

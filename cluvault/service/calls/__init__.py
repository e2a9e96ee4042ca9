"""The requests that cluvault makes, and for each whether it may be repeated. Performs no I/O.

`repeatable` decides what happens when a connection breaks and nobody knows whether the service has acted:

| operation              | repeatable | because                                                                 |
| ---------------------- | ---------- | ----------------------------------------------------------------------- |
| GET                    | yes        | it changes nothing                                                      |
| DELETE                 | yes        | gone is gone; a second one answers 404, which is success                |
| PATCH project          | yes        | the merge patch sets absolute values; the same again changes nothing    |
| PUT deployment         | yes        | it names the model that shall serve; the same again changes nothing     |
| PUT exported model     | yes        | it names the model that shall be exported; the same again as well       |
| :export                | yes        | a second job reads the project once more and harms nothing              |
| :evaluate              | yes        | a second job computes the same figures                                  |
| :cancel                | yes        | it aims at one job; at worst the second says that it has ended          |
| :delete-from-resources | yes        | gone is gone                                                            |
| :assign, :unassign     | yes        | they name what shall (not) be assigned                                  |
| :authorize-copy        | yes        | a second token allows what the first did; the first is dropped          |
| :analyze-conversations | yes        | it changes nothing                                                      |
| :import                | no         | it replaces all data of a project. While the first runs, a second is    |
|                        |            | refused at best (409); at worst it undoes what somebody changed since   |
| :load-snapshot         | no         | it replaces the working copy, as an import does                         |
| :copy                  | no         | it replaces the target project, as an import does                       |
| :train                 | no         | a second one is refused at best; at worst it trains, and bills, again   |
| :swap                  | no         | the second swap undoes the first                                        |

All of them are repeated when the service provably did nothing (no connection, 429, 503 with Retry-After).
"""

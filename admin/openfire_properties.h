/* openfire_properties - which of Openfire's properties is which setting here
 *
 * Openfire: the names of ofProperty, from 3.7.1 to the current one.
 */
#ifndef ADMIN_OPENFIRE_PROPERTIES_H
#define ADMIN_OPENFIRE_PROPERTIES_H

#include "admin/openfire_plan.h"

/* openfire_properties_judge - add an item for each property that has to do with S2S, and count the others */
void openfire_properties_judge(struct openfire_plan *plan, const struct openfire_source *source,
                               const struct config *config, bool replace);
/* openfire_properties_value - of a property: that of the database, else that of openfire.xml; NULL: there is
 * none, or none that can be read */
const char *openfire_properties_value(const struct openfire_source *source, const char *name);

#endif

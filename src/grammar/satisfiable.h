// Which demands some value fulfils; what none can fulfil is taken out of the program, so that a matcher never goes
// where no text can end.
#pragma once

#include "grammar/program.h"

namespace nibble::grammar {

void drop_unsatisfiable(Program& program);

// An array of unique items never runs out of them: checked, since a matcher only compares.
bool unique_items_supported(const Program& program, const ArrayForm& array);

}  // namespace nibble::grammar

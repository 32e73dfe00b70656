#include "common/confusion.hpp"

#include <vector>

namespace pixelwise {

std::size_t count_confusion(const std::uint8_t* truth, const std::uint8_t* prediction, std::size_t pixels,
                            std::size_t classes, int ignore, std::int64_t* matrix) {
    // Truth ids map to table rows; ignored pixels to an extra row that is discarded, invalid ids to the row after it.
    const std::size_t ignored_row = classes, bad_row = classes + 1;
    const std::size_t columns = classes + 1;  // the last column is for predictions that are out of range
    std::uint32_t row_start[256], column_of[256];
    for (std::size_t id = 0; id < 256; ++id) {
        const std::size_t row = static_cast<int>(id) == ignore ? ignored_row : id < classes ? id : bad_row;
        row_start[id] = static_cast<std::uint32_t>(row * columns);
        column_of[id] = static_cast<std::uint32_t>(id < classes ? id : classes);
    }

    // Neighbours are often equal; with four tables an increment need not wait for the one before.
    const std::size_t table_size = (classes + 2) * columns;
    std::vector<std::uint64_t> tables(4 * table_size, 0);
    std::uint64_t* table[4];
    for (std::size_t k = 0; k < 4; ++k) table[k] = tables.data() + k * table_size;
    std::size_t i = 0;
    for (; i + 4 <= pixels; i += 4)
        for (std::size_t k = 0; k < 4; ++k) ++table[k][row_start[truth[i + k]] + column_of[prediction[i + k]]];
    for (; i < pixels; ++i) ++table[0][row_start[truth[i]] + column_of[prediction[i]]];

    bool clean = true;
    for (std::size_t row = 0; row <= bad_row; ++row) {
        if (row == ignored_row) continue;
        for (std::size_t column = 0; column < columns; ++column) {
            std::uint64_t count = 0;
            for (std::size_t k = 0; k < 4; ++k) count += table[k][row * columns + column];
            if (row < classes && column < classes)
                matrix[row * classes + column] += static_cast<std::int64_t>(count);
            else
                clean = clean && count == 0;
        }
    }
    if (clean) return pixels;
    for (i = 0; i < pixels; ++i)
        if (truth[i] != ignore && (truth[i] >= classes || prediction[i] >= classes)) break;
    return i;
}

}  // namespace pixelwise

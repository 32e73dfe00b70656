// Numbers distinct keys 0, 1, 2, ... in the order of their first appearance. No Python here.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace pixelwise {

// Small integers side by side in 64-bit words; adding keys adds all their fields at once.
template <int Words>
struct Key {
    std::uint64_t word[Words] = {};

    Key& operator+=(const Key& other) {
        for (int k = 0; k < Words; ++k) word[k] += other.word[k];
        return *this;
    }
    Key& operator-=(const Key& other) {
        for (int k = 0; k < Words; ++k) word[k] -= other.word[k];
        return *this;
    }
    bool operator==(const Key& other) const {
        bool same = true;
        for (int k = 0; k < Words; ++k) same = same && word[k] == other.word[k];
        return same;
    }
    std::uint64_t hash() const {
        std::uint64_t mixed = word[0] * 0x9e3779b97f4a7c15u;
        for (int k = 1; k < Words; ++k) mixed = ((mixed ^ (mixed >> 29)) + word[k]) * 0x9e3779b97f4a7c15u;
        return mixed ^ (mixed >> 32);
    }
};

template <int Words>
class KeyTable {
  public:
    static constexpr std::int32_t none = -1;

    // With room for at least `slots` slots, of which half stay free.
    explicit KeyTable(std::size_t slots = 0) : slots_(std::bit_ceil(std::max<std::size_t>(slots, 4096))), mask_(slots_.size() - 1) {}

    std::int32_t size() const { return size_; }

    void prefetch(std::uint64_t hash) const {
#if defined(__GNUC__)
        __builtin_prefetch(&slots_[hash & mask_]);
#else
        (void)hash;
#endif
    }

    std::int32_t find(const Key<Words>& key, std::uint64_t hash) const { return slots_[slot_of(key, hash)].id; }

    // The key's number; it is new if the number equals size() before the call.
    std::int32_t number(const Key<Words>& key, std::uint64_t hash) {
        std::size_t at = slot_of(key, hash);
        if (slots_[at].id != none) return slots_[at].id;
        if (size_ == std::numeric_limits<std::int32_t>::max()) throw std::length_error("lattice of over 2^31 vertices");
        if (2 * static_cast<std::size_t>(size_) >= slots_.size()) {
            grow();
            at = slot_of(key, hash);
        }
        slots_[at].key = key;
        slots_[at].id = size_;
        return size_++;
    }

  private:
    struct Slot {
        Key<Words> key;
        std::int32_t id = none;
    };

    std::size_t slot_of(const Key<Words>& key, std::uint64_t hash) const {
        std::size_t at = hash & mask_;
        while (slots_[at].id != none && !(slots_[at].key == key)) at = (at + 1) & mask_;
        return at;
    }

    void grow() {
        // Large tables grow more slowly: their memory matters more than the time to fill them again.
        std::vector<Slot> larger((slots_.size() < (std::size_t{1} << 16) ? 4 : 2) * slots_.size());
        const std::size_t mask = larger.size() - 1;
        for (const Slot& slot : slots_) {
            if (slot.id == none) continue;
            std::size_t at = slot.key.hash() & mask;
            while (larger[at].id != none) at = (at + 1) & mask;
            larger[at] = slot;
        }
        slots_.swap(larger);
        mask_ = mask;
    }

    std::vector<Slot> slots_;
    std::size_t mask_;
    std::int32_t size_ = 0;
};

}  // namespace pixelwise

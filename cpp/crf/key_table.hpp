// Numbers distinct keys 0, 1, 2, ... in the order of their first appearance. No Python here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "common/dispatch.hpp"

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
    explicit KeyTable(const Routines& routines) : routines_(routines) {}

    std::int32_t size() const { return static_cast<std::int32_t>(keys_.size()); }
    const std::vector<Key<Words>>& keys() const { return keys_; }  // by number

    // numbers[i] becomes the number of key i, or negative if there is none.
    void find(const Key<Words>* keys, int count, std::int32_t* numbers) const {
        std::uint64_t hashes[batch];
        for (int begin = 0; begin < count; begin += batch) {
            const int end = std::min(count, begin + batch);
            look_up(keys + begin, end - begin, hashes, numbers + begin);
            for (int i = begin; i < end; ++i)
                if (numbers[i] == unclear) numbers[i] = slots_[slot_of(keys[i], hashes[i - begin])];
        }
    }

    // The same, but all keys get a number: new ones size(), size() + 1, ... in this order.
    void number(const Key<Words>* keys, int count, std::int32_t* numbers) {
        std::uint64_t hashes[batch];
        for (int begin = 0; begin < count; begin += batch) {
            const int end = std::min(count, begin + batch);
            look_up(keys + begin, end - begin, hashes, numbers + begin);
            for (int i = begin; i < end; ++i)
                if (numbers[i] < 0) numbers[i] = number(keys[i], hashes[i - begin]);
        }
    }

    // Gives back the memory for finding keys.
    void forget_slots() { slots_ = std::vector<std::int32_t>(); }

  private:
    static constexpr int batch = 256;
    static constexpr std::int32_t unclear = KeySlots::unclear, free = KeySlots::free;

    static std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

    // Looks at the first slot of each of up to `batch` keys.
    void look_up(const Key<Words>* keys, int count, std::uint64_t* hashes, std::int32_t* numbers) const {
        for (int i = 0; i < count; ++i) hashes[i] = keys[i].hash();
        if (keys_.empty())
            std::fill_n(numbers, count, unclear);
        else
            routines_.find_keys({slots_.data(), mask_, keys_[0].word, Words}, keys[0].word, hashes, count, numbers);
    }

    std::int32_t number(const Key<Words>& key, std::uint64_t hash) {
        const std::int32_t known = slots_[slot_of(key, hash)], added = size();
        if (known != free) return known;
        if (added == std::numeric_limits<std::int32_t>::max()) throw std::length_error("lattice of over 2^31 vertices");
        keys_.push_back(key);
        if (4 * keys_.size() > slots_.size())
            grow();
        else
            slots_[slot_of(key, hash)] = added;
        return added;
    }

    std::size_t slot_of(const Key<Words>& key, std::uint64_t hash) const {
        std::size_t slot = hash & mask_;
        while (slots_[slot] != free && !(keys_[at(slots_[slot])] == key)) slot = (slot + 1) & mask_;
        return slot;
    }

    void grow() {
        slots_.assign(2 * slots_.size(), free);
        mask_ = slots_.size() - 1;
        for (std::size_t k = 0; k < keys_.size(); ++k) {
            std::size_t slot = keys_[k].hash() & mask_;
            while (slots_[slot] != free) slot = (slot + 1) & mask_;
            slots_[slot] = static_cast<std::int32_t>(k);
        }
    }

    const Routines& routines_;
    std::vector<std::int32_t> slots_ = std::vector<std::int32_t>(1 << 14, free);  // numbers; most slots stay free
    std::uint64_t mask_ = (1 << 14) - 1;
    std::vector<Key<Words>> keys_;
};

}  // namespace pixelwise
